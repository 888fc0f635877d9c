"""Accelerators by TFLite's external delegates: a shared library runs the models, once it has proved that it can.

Native code that hangs or crashes takes its process along, so a child process tries it first.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from edge.tflite import LoadedDelegate, runtime

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Delegate:
    """A shared library with a TFLite delegate, and what it is given.

    library: its path, or a name that the system's loader finds.
    patience_s: how long it may take to load the models and to run them on the golden inputs.
    """

    library: str
    options: Mapping[str, str] = field(default_factory=dict)
    patience_s: float = 1.0

    @property
    def name(self) -> str:
        """The file name of the library."""
        return Path(self.library).name


def load(delegate: Delegate) -> LoadedDelegate:
    """Return the delegate for one model, created in this process.

    Raises:
        OSError: there is no such library.  AttributeError: it is no delegate.  ValueError: it refuses, as without
            its device.
    """
    made = importlib.import_module(runtime()).load_delegate(delegate.library, dict(delegate.options))
    return LoadedDelegate(delegate.name, made)
