"""maskwatch: watches a place by camera, notifies the people nearby and publishes an alert when a person wears no mask.

The Python API is what `__all__` lists; each name is loaded at its first use, since OpenCV takes long to import:

    import edge
    models = edge.load_models()
    for face in edge.classify("photo.jpg", models):
        print(face.mask, face.confidence, face.box)
"""

import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge.api import Face, classify, load_models, load_settings, watch
    from edge.classify import Classifier
    from edge.data import CLASSES, Alert, EventType, Faces, Frame, Mask, Reason, Scene, Track, Verdicts
    from edge.detect import Detector
    from edge.errors import (
        CameraError,
        ConfigError,
        EdgeError,
        InputError,
        ModelError,
        NotRunning,
        OutputError,
        ThreadStuck,
        Unavailable,
    )
    from edge.pipeline import Sink
    from edge.settings.schema import Settings
    from edge.stages import Models
    from edge.tflite import Model

__version__ = "0.1.0"

__all__ = [
    "CLASSES",
    "Alert",
    "CameraError",
    "Classifier",
    "ConfigError",
    "Detector",
    "EdgeError",
    "EventType",
    "Face",
    "Faces",
    "Frame",
    "InputError",
    "Mask",
    "Model",
    "ModelError",
    "Models",
    "NotRunning",
    "OutputError",
    "Reason",
    "Scene",
    "Settings",
    "Sink",
    "ThreadStuck",
    "Track",
    "Unavailable",
    "Verdicts",
    "__version__",
    "classify",
    "load_models",
    "load_settings",
    "watch",
]

_HOMES = {
    "edge.api": ("Face", "classify", "load_models", "load_settings", "watch"),
    "edge.classify": ("Classifier",),
    "edge.data": ("CLASSES", "Alert", "EventType", "Faces", "Frame", "Mask", "Reason", "Scene", "Track", "Verdicts"),
    "edge.detect": ("Detector",),
    "edge.errors": (
        "CameraError",
        "ConfigError",
        "EdgeError",
        "InputError",
        "ModelError",
        "NotRunning",
        "OutputError",
        "ThreadStuck",
        "Unavailable",
    ),
    "edge.pipeline": ("Sink",),
    "edge.stages": ("Models",),
    "edge.settings.schema": ("Settings",),
    "edge.tflite": ("Model",),
}
"""The module of each public name."""


class _Package(ModuleType):
    """Keeps a public name what it is: the import of the stage `edge.classify` would put a module in its place."""

    def __setattr__(self, name: str, value: object) -> None:
        """Set an attribute, unless it is the submodule of a public name, which stays in `sys.modules` alone."""
        if not (isinstance(value, ModuleType) and name in __all__):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package

if not TYPE_CHECKING:  # a type checker knows the names from above, and refuses all others

    def __getattr__(name: str) -> object:
        """Load a public name when it is first used. Source: PEP 562."""
        from importlib import import_module  # noqa: PLC0415 - importing this package has no effect and no cost

        for home, names in _HOMES.items():
            if name in names:
                value = globals()[name] = getattr(import_module(home), name)
                return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        """Return the public names too, loaded or not."""
        return sorted({*globals(), *__all__})
