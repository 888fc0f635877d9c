"""What windows have learned, in a file of the state folder: written once an hour, and read at the next start."""

from __future__ import annotations

import logging
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING
from zipfile import BadZipFile

import numpy as np

from edge.files import replacing

if TYPE_CHECKING:
    from pathlib import Path

    from edge.monitor.drift.windows import Windows

log = logging.getLogger(__name__)

_MOST_BYTES = 256 * 1024


def save(path: Path, windows: Windows) -> bool:
    """Write what was learned; return whether it could be written."""
    with suppress(OSError):
        with replacing(path) as draft, draft.open("wb") as file:
            np.savez_compressed(file, model=np.array(windows.reference.model), hours=windows.baseline.hours)
        return True
    return False


def restore(path: Path, windows: Windows) -> None:
    """Take over what an earlier run has learned with the same model; a file that is no use is ignored and logged."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ValueError("too large")
        with np.load(path, allow_pickle=False) as arrays:
            model, hours = str(arrays["model"]), arrays["hours"]
        if model == windows.reference.model:
            windows.baseline.adopt(hours)
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error) as error:
        log.warning("drift: %s: %s; the place is learned anew", path, error)
