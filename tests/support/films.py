"""Videos of every kind, made by ffmpeg from the demo's play."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.needs import need

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


def with_orientation(path: Path, orientation: int) -> Path:
    """Write an EXIF orientation into a JPEG."""
    tiff = b"II*\0\x08\0\0\0" + struct.pack("<HHHIHHI", 1, 0x0112, 3, 1, orientation, 0, 0)
    exif = b"Exif\0\0" + tiff
    content = path.read_bytes()
    path.write_bytes(content[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + content[2:])
    return path
