"""The camera of a Raspberry Pi through Picamera2: a full image to crop faces from, a small one to detect faces in."""

from __future__ import annotations

import importlib
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from edge.capture import CameraImage
from edge.errors import CameraError, CameraLost

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from edge.data import Image

_BGR_IN_MEMORY = "RGB888"
"""Picamera2 names its formats after DRM, high byte first: this one has blue first in memory, as OpenCV expects."""
_YUV = "YUV420"
_SHAPE_TOLERANCE = 0.02
_BUFFERS = 4
"""With `queue=False`, four buffers give fresh frames; with fewer, the camera runs out of buffers."""


def available() -> bool:
    """Return whether Picamera2 is installed and sees a camera."""
    try:
        return bool(_picamera2().Picamera2.global_camera_info())
    except CameraError:
        return False


def _picamera2() -> Any:  # noqa: ANN401 - picamera2 is untyped and optional
    # else it logs five lines at each opening; maskwatch logs each change of state itself
    logging.getLogger("picamera2").setLevel(logging.WARNING)
    try:
        return importlib.import_module("picamera2")
    except ImportError as error:
        raise CameraError(
            "picamera: the package picamera2 is not installed; fix: sudo apt install python3-picamera2, and a virtual "
            "environment made with --system-site-packages"
        ) from error
    except ValueError as error:  # "numpy.dtype size changed": apt's picamera2 is compiled for apt's numpy
        raise CameraError(
            f"picamera: picamera2 does not work with this numpy: {error}; fix: pip install 'numpy<2'"
        ) from error


@dataclass(frozen=True, slots=True)
class _Stream:
    """A stream as the camera delivers it, which may differ from the request."""

    name: str
    pixel_format: str
    size_px: tuple[int, int]


class PiCamera:
    """Camera that returns the main image and, if the pipeline supports it, a small one (`lores`)."""

    def __init__(
        self, *, width_px: int, height_px: int, fps_hz: float, small_px: tuple[int, int], read_timeout_s: float = 5.0
    ) -> None:
        """Open and start the first camera.

        Raises:
            CameraError: Picamera2 is not installed, or there is no camera, or it is in use.
        """
        module = _picamera2()
        self._mapped = module.MappedArray
        self._read_timeout_s = read_timeout_s
        try:
            self._camera = module.Picamera2()
            self._configure((width_px, height_px), fps_hz, fitted((width_px, height_px), small_px))
            self._camera.start()
        except (RuntimeError, IndexError, OSError, ValueError) as error:
            self.close()
            why = str(error).rstrip(".")
            raise CameraError(
                f"picamera: cannot be opened: {why}; is the ribbon cable seated? does another program use the camera?"
            ) from error
        delivered = self._camera.camera_configuration()
        self._main = _stream("main", delivered["main"])
        lores = delivered.get("lores")
        self._small = _stream("lores", lores) if lores and _is_smaller(lores["size"], self._main.size_px) else None

    def _configure(self, main_px: tuple[int, int], fps_hz: float, small_px: tuple[int, int]) -> None:
        wanted = {
            "main": {"size": main_px, "format": _BGR_IN_MEMORY},
            "controls": {"FrameRate": fps_hz},
            "buffer_count": _BUFFERS,
            "queue": False,
        }
        small = {"size": small_px, "format": _YUV}
        try:
            self._camera.configure(self._camera.create_video_configuration(**wanted, lores=small))
        except (RuntimeError, ValueError):  # the pipeline has only one stream
            self._camera.configure(self._camera.create_video_configuration(**wanted))

    def read(self) -> CameraImage | None:
        """Return the next image, copied once, since the mapped buffer goes back to the camera.

        Raises:
            CameraLost: the camera has stopped, or delivered nothing for `read_timeout_s`.
        """
        try:
            request = self._camera.capture_request(wait=False).get_result(timeout=self._read_timeout_s)
        except TimeoutError as error:
            raise CameraLost(f"picamera: delivered no image for {self._read_timeout_s:.0f} s") from error
        except (RuntimeError, OSError) as error:
            raise CameraLost(f"picamera: delivers no images any more: {error}") from error
        try:
            small = self._copy(request, self._small) if self._small else None
            return CameraImage(self._copy(request, self._main), small, _age_s(request.get_metadata()))
        except RuntimeError as error:
            raise CameraLost(f"picamera: delivers no images any more: {error}") from error
        finally:
            request.release()

    def _copy(self, request: Any, stream: _Stream) -> Image:  # noqa: ANN401
        with self._mapped(request, stream.name) as mapped:
            return to_bgr(mapped.array, stream.pixel_format, stream.size_px)

    def close(self) -> None:
        """Stop and release the camera."""
        camera = getattr(self, "_camera", None)
        if camera is not None:
            camera.close()


def _age_s(metadata: Mapping[str, Any]) -> float | None:
    """Return the time since the exposure began, None where the pipeline reports none.

    Source: libcamera, control_ids_core.yaml, SensorTimestamp: nanoseconds of the boot time at the first row.
    """
    exposed_ns = metadata.get("SensorTimestamp")
    return None if exposed_ns is None else max(0.0, (time.clock_gettime_ns(time.CLOCK_BOOTTIME) - exposed_ns) / 1e9)


def _stream(name: str, delivered: dict[str, Any]) -> _Stream:
    width, height = delivered["size"]
    return _Stream(name, str(delivered["format"]), (int(width), int(height)))


def fitted(main_px: tuple[int, int], small_px: tuple[int, int]) -> tuple[int, int]:
    """Return the largest even size within `small_px` with the aspect ratio of `main_px`.

    The camera would squeeze or crop a small image of another aspect ratio, and boxes found in it would be misplaced.
    """
    scale = min(small_px[0] / main_px[0], small_px[1] / main_px[1])
    return round(main_px[0] * scale / 2) * 2, round(main_px[1] * scale / 2) * 2


def _is_smaller(small_px: tuple[int, int], main_px: tuple[int, int]) -> bool:
    """Return whether a delivered `lores` can be used: smaller than main, and of its aspect ratio within 2 %."""
    shape = small_px[0] * main_px[1] / (small_px[1] * main_px[0])
    return small_px[0] < main_px[0] and abs(shape - 1) < _SHAPE_TOLERANCE


def to_bgr(mapped: NDArray[Any], pixel_format: str, size_px: tuple[int, ...]) -> Image:
    """Return a mapped buffer as a BGR copy, uint8 (h, w, 3), without the padding of its rows.

    Raises:
        CameraError: the format is not RGB888, XRGB8888, YUV420 or NV12.
    """
    width, height = size_px[:2]
    if pixel_format == _BGR_IN_MEMORY:
        # not ascontiguousarray: without padding it makes no copy, and the camera would overwrite an image in use
        return mapped[:height, :width].copy()
    if pixel_format == "XRGB8888":
        return mapped[:height, :width, :3].copy()
    codes = {_YUV: cv2.COLOR_YUV2BGR_I420, "NV12": cv2.COLOR_YUV2BGR_NV12}
    if pixel_format not in codes:
        raise CameraError(
            f"picamera: delivers {pixel_format}, which maskwatch cannot read; fix: set camera.source to usb:0"
        )
    stride = mapped.shape[1]
    padded = cv2.cvtColor(mapped.reshape(-1, stride), codes[pixel_format])
    return np.ascontiguousarray(padded[:height, :width])
