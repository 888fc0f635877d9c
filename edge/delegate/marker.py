"""A file that stands while a delegate is in use, by which the next start knows that it ended the run before.

A delegate that hangs in the run is ended by the watchdog, with its process. After that it is left off until the
machine restarts, or library or options change; a power cut is no reason, as the boot is another one.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from edge.files import replacing

if TYPE_CHECKING:
    from edge.delegate import Delegate

_BOOT = Path("/proc/sys/kernel/random/boot_id")
"""Source: random(4)."""


class Marker:
    """The marker of one service."""

    def __init__(self, path: Path, boot: Path = _BOOT) -> None:
        """Take the file's path; its folder may not exist yet."""
        self.path = path
        self._boot = boot
        self._is_ours = False

    def accuses(self, delegate: Delegate) -> bool:
        """Return whether the last run with a delegate, since the machine started, did not end by itself."""
        if self._is_ours:
            return False
        try:
            return bool(self.path.read_text("utf-8") == self._content(delegate))
        except (OSError, ValueError):
            return False

    def set(self, delegate: Delegate) -> None:
        """Write the file.

        Raises:
            OSError: it cannot be written.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(self.path, durable=True) as draft:
            draft.write_text(self._content(delegate), "utf-8")
        self._is_ours = True

    def clear(self) -> None:
        """Remove the file if this process has written it."""
        if self._is_ours:
            self._is_ours = False
            with suppress(OSError):
                self.path.unlink(missing_ok=True)

    def _content(self, delegate: Delegate) -> str:
        """Return what is known of a run: the boot, and library and options, of the same library its time and size."""
        stamp = None
        with suppress(OSError):
            found = Path(delegate.library).stat()
            stamp = [found.st_mtime_ns, found.st_size]
        boot = self._boot.read_text("utf-8").strip() if self._boot.exists() else ""
        return json.dumps({"boot": boot, "library": delegate.library, "stamp": stamp, **delegate.options})
