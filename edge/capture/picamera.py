"""The camera of a Raspberry Pi through Picamera2: a full picture to cut faces from, a small one to detect on."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from edge.capture import Picture
from edge.errors import CameraError, CameraLost

if TYPE_CHECKING:
    from edge.data import Image

_BGR_IN_MEMORY = "RGB888"
"""Picamera2 names its formats after DRM, high byte first: this one has blue first in memory, as OpenCV wants."""
_YUV = "YUV420"
_BUFFERS = 4
"""With `queue=False` four buffers give fresh frames; fewer starve the camera."""


def available() -> bool:
    """Return whether Picamera2 is installed and sees a camera."""
    try:
        return bool(_picamera2().Picamera2.global_camera_info())
    except CameraError:
        return False


def _picamera2() -> Any:  # noqa: ANN401 - picamera2 is untyped and optional
    try:
        return importlib.import_module("picamera2")
    except ImportError as error:
        raise CameraError(
            "picamera: the package picamera2 is not installed; mend: sudo apt install python3-picamera2, and a virtual "
            "environment made with --system-site-packages"
        ) from error


class PiCamera:
    """Camera that hands out the main picture and, where the pipeline can, a small one (`lores`)."""

    def __init__(self, *, width_px: int, height_px: int, fps_hz: float, small_px: tuple[int, int]) -> None:
        """Open and start the first camera.

        Raises:
            CameraError: Picamera2 is not installed, or there is no camera, or it is in use.
        """
        module = _picamera2()
        self._mapped = module.MappedArray
        self._small_px = small_px
        try:
            self._camera = module.Picamera2()
            self._configure((width_px, height_px), fps_hz)
            self._camera.start()
        except (RuntimeError, IndexError, OSError, ValueError) as error:
            self.close()
            raise CameraError(f"picamera: cannot be opened: {error}; is the ribbon cable seated?") from error
        # what is delivered may differ from what was asked for: read it back
        delivered = self._camera.camera_configuration()
        self._main_format = str(delivered["main"]["format"])
        self._main_px = tuple(delivered["main"]["size"])
        self._has_small = delivered.get("lores") is not None

    def _configure(self, main_px: tuple[int, int], fps_hz: float) -> None:
        wanted = {
            "main": {"size": main_px, "format": _BGR_IN_MEMORY},
            "controls": {"FrameRate": fps_hz},
            "buffer_count": _BUFFERS,
            "queue": False,
        }
        small = {"size": self._small_px, "format": _YUV}
        try:
            self._camera.configure(self._camera.create_video_configuration(**wanted, lores=small))
        except (RuntimeError, ValueError):  # a pipeline with one stream only
            self._camera.configure(self._camera.create_video_configuration(**wanted))

    def read(self) -> Picture | None:
        """Return the next picture; it is copied once, since the mapped buffer goes back to the camera.

        Raises:
            CameraLost: the camera stopped.
        """
        try:
            with self._camera.captured_request() as request:
                image = self._copy(request, "main", self._main_format, self._main_px)
                small = self._copy(request, "lores", _YUV, self._small_px) if self._has_small else None
        except (RuntimeError, OSError, TimeoutError) as error:
            raise CameraLost(f"picamera: gives no picture any more: {error}") from error
        return Picture(image, small)

    def _copy(self, request: Any, stream: str, pixel_format: str, size_px: tuple[int, ...]) -> Image:  # noqa: ANN401
        with self._mapped(request, stream) as mapped:
            return to_bgr(mapped.array, pixel_format, size_px)

    def close(self) -> None:
        """Stop and release the camera."""
        camera = getattr(self, "_camera", None)
        if camera is not None:
            camera.close()


def to_bgr(mapped: np.ndarray, pixel_format: str, size_px: tuple[int, ...]) -> Image:
    """Return a mapped buffer as a BGR picture of our own, uint8 (h, w, 3), without the padding of its rows.

    Raises:
        CameraError: the format is none of RGB888, XRGB8888, YUV420, NV12.
    """
    width, height = size_px[:2]
    if pixel_format == _BGR_IN_MEMORY:
        return np.ascontiguousarray(mapped[:height, :width])
    if pixel_format == "XRGB8888":
        return np.ascontiguousarray(mapped[:height, :width, :3])
    codes = {_YUV: cv2.COLOR_YUV2BGR_I420, "NV12": cv2.COLOR_YUV2BGR_NV12}
    if pixel_format not in codes:
        raise CameraError(f"picamera: delivers {pixel_format}, which maskwatch cannot read; set camera.source to usb:0")
    stride = mapped.shape[1]
    padded = cv2.cvtColor(mapped.reshape(-1, stride), codes[pixel_format])
    return np.ascontiguousarray(padded[:height, :width])
