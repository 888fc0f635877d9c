"""The source that a SPEC names: auto, camera, picamera, usb:N, usb:PATH, rtsp://…, http://…, a file, a folder, demo."""

from __future__ import annotations

import logging
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from edge.capture import login, picamera
from edge.capture.demo import DemoCamera
from edge.capture.files import FolderSource
from edge.capture.kinds import Kind, exists, kind_to_read
from edge.capture.live import LiveSource
from edge.capture.opencv import open_stream, open_usb
from edge.capture.preprocess import PreparedCamera, preparation, unprepared
from edge.capture.read_ahead import ReadAhead
from edge.capture.sampling import Sampling
from edge.capture.video import VideoSource
from edge.errors import CameraError, ConfigError, InputError
from edge.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edge.capture import Camera, Source, WatchedSource
    from edge.capture.preprocess import Prepare
    from edge.data import Frame, Gap, Image
    from edge.settings.schema import CameraSettings

log = logging.getLogger(__name__)


def open_source(
    settings: CameraSettings,
    *,
    small_px: tuple[int, int],
    stop: threading.Event,
    paint: Callable[[Image], None],
    password: str | None = None,
) -> WatchedSource:
    """Return the source that `camera.source` names; a live camera is opened later, on its own thread.

    paint: changes every upright image in place before anything else sees it.
    password: of a network camera; None: the one of the settings.

    Raises:
        InputError, CameraError: a file or folder does not exist, or is not a video or image.
        ConfigError: the camera's password cannot be read.
    """
    small_px = small_px[::-1] if settings.rotate in (90, 270) else small_px
    opener = _opener(settings, small_px, password)
    prepare = preparation(settings, paint)
    if opener is None:
        return _read_ahead(settings, partial(_files, Path(settings.source), prepare), stop)
    return LiveSource(
        redacted(settings.source),
        partial(PreparedCamera, opener, prepare),
        stop=stop,
        patience_s=settings.patience_s,
        frozen_s=settings.frozen_s,
        stuck_s=settings.stuck_s,
        retry_max_s=settings.retry_max_s,
        sampling=Sampling(every_s=settings.every_s, sample_s=settings.sample_s),
    )


def names_files(settings: CameraSettings) -> bool:
    """Return whether `camera.source` names files or a folder, and not a camera.

    Raises:
        ConfigError: the camera's password cannot be read.
    """
    return _opener(settings, (1, 1), None) is None


def check_files(settings: CameraSettings) -> None:
    """Refuse files or a folder in `camera.source` that cannot be read; a camera is not opened.

    Raises:
        InputError, CameraError: as `open_source` would.
        ConfigError: the camera's password cannot be read.
    """
    if names_files(settings):
        _read_ahead(settings, partial(_probed, Path(settings.source)), threading.Event()).close()


def wants_small(settings: CameraSettings) -> bool:
    """Return whether the camera also delivers images at detector size, so that another size reopens it."""
    return settings.source in ("picamera", "camera", "auto") and picamera.available()


def _read_ahead(settings: CameraSettings, open_files: Callable[[], Source], stop: threading.Event) -> ReadAhead:
    return ReadAhead(
        redacted(settings.source),
        open_files,
        stop=stop,
        open_timeout_s=settings.open_timeout_s,
        patience_s=settings.patience_s,
        stuck_s=settings.stuck_s,
        pace=settings.pace,
    )


def _opener(settings: CameraSettings, small_px: tuple[int, int], password: str | None) -> Callable[[], Camera] | None:
    """Return what opens the live camera of a SPEC, None where it names files."""
    spec = settings.source
    pi = partial(
        picamera.PiCamera,
        width_px=settings.width_px,
        height_px=settings.height_px,
        fps_hz=settings.fps_hz,
        small_px=small_px,
        read_timeout_s=settings.read_timeout_s,
    )
    usb = partial(open_usb, width_px=settings.width_px, height_px=settings.height_px, fps_hz=settings.fps_hz)
    if spec.startswith("usb:"):
        return partial(usb, spec.removeprefix("usb:"))
    if login.is_stream(spec):
        _address(settings, password)  # an error in it is reported now, not on the capture thread
        return partial(_open_stream, settings, password)
    named: dict[str, Callable[[], Camera]] = {
        "picamera": pi,
        "demo": DemoCamera,
        "camera": partial(_first_camera, pi, usb),
        "auto": partial(_first_camera, pi, usb, otherwise=DemoCamera),
    }
    return named.get(spec)


def _address(settings: CameraSettings, password: str | None) -> str:
    return login.with_login(settings, login.password_of(settings) if password is None else password)


def _open_stream(settings: CameraSettings, password: str | None) -> Camera:
    """Open a network camera with the current password: a change of its file needs no restart."""
    try:
        address = _address(settings, password)
    except ConfigError as error:
        raise CameraError(str(error)) from error
    return open_stream(address, open_timeout_s=settings.open_timeout_s, read_timeout_s=settings.read_timeout_s)


def is_connected() -> bool:
    """Return whether any camera is connected, by ribbon cable or by USB."""
    return picamera.available() or any(Path("/dev").glob("video*"))


def _first_camera(
    pi: Callable[[], Camera], usb: Callable[[str], Camera], *, otherwise: Callable[[], Camera] | None = None
) -> Camera:
    """Return the CSI camera if there is one, else the first USB camera that delivers an image, else `otherwise`."""
    if picamera.available():
        return pi()
    for device in sorted(Path("/dev").glob("video*")):
        try:
            camera = usb(str(device))
            camera.read()
        except CameraError:
            continue
        return camera
    if otherwise is None:
        raise CameraError("no camera is connected; fix: connect one, or name one with camera.source")
    log.info("no camera is connected: showing the built-in demo")
    return otherwise()


def _files(path: Path, prepare: Prepare) -> Source:
    if not exists(path):
        raise InputError(
            f"{redacted(str(path))}: no such file; fix: set camera.source to auto, camera, picamera, usb:N, rtsp://…, "
            f"a video, a folder or demo"
        )
    if path.is_dir() or kind_to_read(path) is Kind.IMAGE:
        return FolderSource(path, on_bad=_log_skipped, prepare=prepare)
    return VideoSource(path, on_bad=_log_skipped, prepare=prepare)


def _probed(path: Path) -> Source:
    """Open files, but no pipe: what is read from a pipe is lost to its reader."""
    return _files(path, unprepared) if not exists(path) or path.is_file() or path.is_dir() else _EmptySource()


class _EmptySource:
    """Source without frames."""

    def __iter__(self) -> Iterator[Frame | Gap]:
        return iter(())

    def close(self) -> None:
        """Hold nothing open."""


def _log_skipped(error: CameraError) -> None:
    log.warning("%s", error)
