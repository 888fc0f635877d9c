"""Check of OpenCV's video decoder: some versions return black frames for interlaced video and report success."""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge.errors import CameraError
from edge.paths import interlaced_clip

if TYPE_CHECKING:
    from edge.data import Image

log = logging.getLogger(__name__)

_LEVELS = (255, 128)
"""Grey levels of the clip's two frames; two, since a broken decoder may also repeat an old frame."""
_TOLERANCE = 24
FIX = "pip install 'opencv-python>=4.10,<4.13' in maskwatch's environment"


@cache
def fault() -> str:
    """Return what is wrong with the decoder of interlaced video, empty if it works; logged once, takes 12 ms.

    FFmpeg 8, which the wheels of opencv-python bundle from 4.13 on, refuses to convert interlaced frames to RGB
    ("Cannot convert interlaced to progressive frames"); OpenCV does not check that and returns its empty buffer.
    """
    clip = cv2.VideoCapture(str(interlaced_clip()), cv2.CAP_FFMPEG)
    levels = [float(image.mean()) for ok, image in (clip.read(), clip.read()) if ok]
    clip.release()
    if len(levels) == 2 and np.allclose(levels, _LEVELS, atol=_TOLERANCE):
        return ""
    found = f"OpenCV {cv2.__version__} decodes interlaced video to black or stale frames"
    log.warning("%s; fix: %s", found, FIX)
    return found


def check_frame(name: str, image: Image) -> None:
    """Refuse the black frame of a decoder that failed without reporting it.

    Raises:
        CameraError: the decoder is broken, and this is the frame that it returns for interlaced video.
    """
    if fault() and not image.any():
        raise CameraError(f"{name}: is interlaced, and {fault()}; fix: {FIX}")
