"""Where the models and the settings that come with the package lie; the only module that knows."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).resolve().parent


def _folder(name: str) -> Path:
    """Return edge/NAME of an installed wheel, else NAME beside edge/ in a clone; never the working directory."""
    inside = _HERE / name
    return inside if inside.is_dir() else _HERE.parent / name


def models() -> Path:
    """Return the folder of the models that come with the package."""
    return _folder("models")


def config() -> Path:
    """Return the folder of the settings that come with the package."""
    return _folder("config")


def pages() -> Path:
    """Return the folder of the pages of HTML that are filled in."""
    return _HERE / "privacy" / "pages"


def demo() -> Path:
    """Return the folder of the demo's sprites."""
    return _HERE / "capture" / "demo"


def interlaced_clip() -> Path:
    """Return three frames of interlaced H.264, white and then grey, that the video decoder is tested with."""
    return _HERE / "capture" / "interlaced.mp4"
