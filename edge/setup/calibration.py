"""The calibration: measure a face with a running maskwatch or by opening the camera, and write the result."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from edge import stages
from edge.capture import CameraState
from edge.capture.live import LiveSource
from edge.capture.spec import is_connected, open_source
from edge.distance.calibrate import calibrate
from edge.errors import CameraError, NotRunning, Unavailable
from edge.paths import SERVICE_SCENE, scene_socket
from edge.privacy.zones import PrivacyZones
from edge.redaction import redacted
from edge.settings import edit
from edge.settings.load import lay_over
from edge.setup import face_heights
from edge.show.shared_scene import SceneReader

if TYPE_CHECKING:
    from edge.distance.calibrate import Calibration
    from edge.settings.schema import Environment, Settings


def measure(
    settings: Settings, *, at_m: float, wait_s: float, duration_s: float, password: str | None = None
) -> Calibration:
    """Return the calibration from a person at `at_m`, who has `wait_s` to get into place.

    password: of a network camera; None: the one of the settings.

    Raises:
        Unavailable: nobody was seen standing still.
        NotRunning: the maskwatch whose frames are used has ended.
    """
    reader = _running(settings)
    models = stages.load_models(settings, profile="live")
    if reader is None:
        heights = _from_camera(settings, models, wait_s, duration_s, password)
    else:
        time.sleep(wait_s)
        heights = face_heights.measured(face_heights.from_running(reader, models, time.monotonic() + duration_s))
        reader.close()
    return calibrate(heights, at_m=at_m, face_height_m=settings.distance.face_height_m)


def without_demo(settings: Settings) -> Settings:
    """Return the settings with a source that never falls back to the demo, which has nothing to measure.

    Raises:
        Unavailable: the demo is named, or no camera is connected.
    """
    source = settings.camera.source
    if source == "demo" or (source == "auto" and not is_connected()):
        raise Unavailable(
            "calibrate needs a real camera, and there is only the demo; fix: connect a camera, or name one with "
            "--set camera.source=…"
        )
    return lay_over(settings, {"camera.source": "camera"}, "calibrate") if source == "auto" else settings


def _running(settings: Settings) -> SceneReader | None:
    """Return a reader of the running maskwatch that uses the camera, if there is one."""
    for path in [Path(settings.show.socket)] if settings.show.socket else [scene_socket(), SERVICE_SCENE]:
        if path.exists():
            try:
                return SceneReader(path)
            except (NotRunning, Unavailable):
                continue
    return None


def _from_camera(
    settings: Settings, models: stages.Models, wait_s: float, duration_s: float, password: str | None
) -> list[float]:
    """Open the camera and measure; frames while the person gets into place are ignored."""
    paint = PrivacyZones(settings.privacy.no_look)
    source = open_source(
        settings.camera, small_px=models.detector_px, stop=threading.Event(), paint=paint, password=password
    )
    frames = iter(source)
    try:
        if isinstance(source, LiveSource):  # a file would have ended by then
            face_heights.measured(face_heights.from_frames(frames, models, time.monotonic() + wait_s))
        heights = face_heights.measured(face_heights.from_frames(frames, models, time.monotonic() + duration_s))
    finally:
        source.close()
    if source.state not in (CameraState.OK, CameraState.OPENING):
        raise CameraError(f"camera {redacted(settings.camera.source)}: {source.state.value}: {source.detail}")
    return heights


def write(found: Calibration, file: Path, environment: Environment, settings: Settings) -> None:
    """Write a calibration into a settings file; comments and other settings stay.

    Raises:
        ConfigError: a setting in the file is wrong.
        OutputError: the file cannot be written.
    """
    text = file.read_text("utf-8") if file.exists() else ""
    values = {
        "distance.focal_widths": round(found.focal_widths, 4),
        "distance.focal_error": round(found.focal_error, 4),
        "distance.face_height_m": settings.distance.face_height_m,
    }
    comments = {
        "distance.focal_widths": "focal length in image widths, by maskwatch calibrate",
        "distance.focal_error": f"from {found.sightings} images of one person",
        "distance.face_height_m": "the face height used for this measurement",
    }
    edit.write_settings(file, edit.changed(text, values, comments, str(file)), environment)
