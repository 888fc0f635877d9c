"""Videos of every kind, made by ffmpeg from the demo's play."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from tests.needs import need

if TYPE_CHECKING:
    from pathlib import Path


def ffmpeg(*arguments: object) -> None:
    """Run ffmpeg, which must succeed."""
    command = [need("ffmpeg"), "-nostdin", "-loglevel", "error", "-y", *map(str, arguments)]
    subprocess.run(command, check=True, timeout=60)


def film(source: Path, path: Path, *encoder: str, seconds: float = 4.0) -> Path:
    """Write the beginning of a video in another format, 320 x 180 pixels."""
    ffmpeg("-t", seconds, "-i", source, "-vf", "scale=320:180", *encoder, path)
    return path


X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
INTERLACED = ("-flags", "+ildct+ilme", "-x264opts", "tff=1")
