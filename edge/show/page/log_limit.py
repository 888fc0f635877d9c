"""A log that requests cannot fill: one line per kind and minute, an exception on one line, too."""

from __future__ import annotations

import logging
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_MINUTE_S = 60.0
_KINDS = 200


class OncePerMinute(logging.Filter):
    """Lets a record pass if none of its kind (logger, unformatted message, exception) passed within the last minute.

    A record that passes states how many of its kind were held back before it. Debug records pass unchanged.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Start without a record."""
        super().__init__()
        self._monotonic = monotonic
        self._passed_at: dict[tuple[str, ...], float] = {}
        self._held_back: dict[tuple[str, ...], int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is logged, shortened to one line."""
        if record.levelno <= logging.DEBUG:
            return True
        error = record.exc_info[1] if record.exc_info else None
        kind = (record.name, str(record.msg), type(error).__name__)
        now = self._monotonic()
        if now - self._passed_at.get(kind, float("-inf")) < _MINUTE_S:
            self._held_back[kind] = self._held_back.get(kind, 0) + 1
            return False
        if len(self._passed_at) >= _KINDS:  # each message is another kind: forget the oldest
            oldest = next(iter(self._passed_at))
            del self._passed_at[oldest]
            self._held_back.pop(oldest, None)
        self._passed_at.pop(kind, None)
        self._passed_at[kind] = now
        _shorten(record, error, self._held_back.pop(kind, 0))
        return True


def _shorten(record: logging.LogRecord, error: BaseException | None, held_back: int) -> None:
    """Join a record, its exception and the number of those held back in one line."""
    parts = [" ".join(record.getMessage().split())]
    if error is not None:
        frames = traceback.extract_tb(error.__traceback__)
        where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
        parts.append(f"{type(error).__name__}: {' '.join(str(error).split())}{where}")
    text = ": ".join(part.rstrip(":") for part in parts if part)
    record.msg, record.args = text + (f" (and {held_back} more since the last line)" if held_back else ""), ()
    record.exc_info = record.exc_text = record.stack_info = None
