"""The Python API: classify an image, and watch a video or a camera; exported by `edge/__init__.py`."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge import stages as parts
from edge.capture.files import read_image
from edge.capture.kinds import exists
from edge.capture.spec import names_files, open_source
from edge.data import Frame
from edge.errors import InputError
from edge.monitor.timings import Timings
from edge.pipeline import scenes
from edge.privacy.zones import PrivacyZones
from edge.profiles import profile_of
from edge.registry.active import built_in
from edge.settings.load import lay_over, load

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from edge.data import Image, Mask, Scene
    from edge.settings.schema import Settings
    from edge.stages import Models


@dataclass(frozen=True, slots=True)
class Face:
    """One face of an image, classified.

    box: x1, y1, x2, y2 in pixels of the image after its EXIF rotation.  score: of the detector, 0 to 1.
    mask: the verdict; `mask.value` is its name on the wire.
    confidence: the largest probability, also where the verdict is unsure.
    probabilities: in the order of `CLASSES`; they sum to 1.
    """

    box: tuple[float, float, float, float]
    score: float
    mask: Mask
    confidence: float
    probabilities: tuple[float, float, float]


def load_settings(file: str | os.PathLike[str] | None = None, overrides: Sequence[str] = ()) -> Settings:
    """Return the settings that ship, overridden by those of a TOML file, then by `overrides` ("section.key=value").

    The settings files of this machine and of this user are not read, so that a script does the same everywhere.

    Raises:
        ConfigError: the file cannot be read or is not TOML, a key is unknown, or a value has the wrong type or range.
    """
    return load(file=None if file is None else Path(file), overrides=overrides, system_file=None).settings


def load_models(
    settings: Settings | None = None,
    *,
    profile: str = "quality",
    face: str | os.PathLike[str] | None = None,
    mask: str | os.PathLike[str] | None = None,
) -> Models:
    """Load the detector and the classifier: those that ship, unless arguments or settings name others.

    Of a store of installed models, the champion is used where the settings name that store (`models.store`).

    Load once and reuse; a `Models` is not thread-safe. Sets OpenCV to one thread in this process.

    profile: used for `detector.profile = auto`: `quality` finds small faces too, `live` is fast.
    face, mask: model folders, each with model.tflite and model.toml, in place of those that the settings name.

    Raises:
        ModelError: a file is missing, damaged or not what its model.toml specifies.
    """
    settings = settings or load_settings()
    return parts.load_models(
        settings,
        profile=profile,
        face=None if face is None else Path(face),
        mask=None if mask is None else Path(mask),
        models=None if settings.models.store else built_in(),
    )


def classify(image: str | os.PathLike[str] | Image, models: Models) -> list[Face]:
    """Return the faces of an image, best score first; each is classified on its own, as `maskwatch detect` does.

    What the classifier rejects as no face is not among them.

    image: a path (its EXIF rotation is applied), or uint8 (H, W, 3) in BGR order, as OpenCV reads it; left unchanged.

    Raises:
        InputError: no such file.
        CameraError: the file cannot be read, is not an image, or has too many pixels.
        ValueError: the array has another dtype or shape, or is empty.
    """
    pixels = _read(Path(image)) if isinstance(image, str | os.PathLike) else _checked(image)
    frame = Frame(pixels, 0, at=0.0, read_at=time.monotonic())
    found = models.detector.detect(frame)
    verdicts = models.classify(frame, found)
    found, verdicts = found.take(verdicts.accepted), verdicts.take(verdicts.accepted)
    columns = (found.boxes, found.scores, verdicts.masks, verdicts.confidences, verdicts.probabilities)
    return [
        Face(tuple(box.tolist()), float(score), mask, float(confidence), tuple(probabilities.tolist()))
        for box, score, mask, confidence, probabilities in zip(*columns, strict=True)
    ]


def watch(
    source: str | os.PathLike[str], models: Models | None = None, *, settings: Settings | None = None
) -> Iterator[Scene]:
    """Return an iterator over the scenes of a video or a camera, with visible tracks and the alerts raised.

    Files are processed as by `maskwatch detect`: every frame and every face, then one last scene (`frame` is None) that
    ends the open episodes. A camera is processed as by `maskwatch run`: the newest frame, the tracks that are due,
    scenes without a frame while it is absent, and no end; a covered or blurred lens is not detected.
    Nothing is published, stored or displayed. Damage in a file is logged as a warning.
    Leaving the loop, or `close()` on the iterator, closes the source.

    source: a video, an image, a folder of images, or what `camera.source` takes: demo, usb:0, picamera, rtsp://…
    models: None loads those of `detector.profile`; `auto` is `quality` for files, what `run` takes for a camera.
    settings: None uses those that ship. The sections `camera`, `detector`, `classifier`, `track`, `vote` and `alert`
        apply, and `privacy.no_look`.

    Raises:
        ConfigError: the source or a setting that it needs is wrong.
        ModelError: a model cannot be loaded.
        InputError, CameraError: a file does not exist, or is neither a video nor an image; raised by the first scene.
        ThreadStuck: a read does not return; raised by a later scene.
    """
    settings = lay_over(settings or load_settings(), {"camera.source": os.fspath(source)}, "source")
    is_file = names_files(settings.camera)
    models = models or load_models(settings, profile="quality" if is_file else profile_of(settings.detector))
    return _watched(settings, models, every_frame=is_file)


def _watched(settings: Settings, models: Models, *, every_frame: bool) -> Iterator[Scene]:
    stages = parts.build_stages(settings, models, Timings(), every_frame=every_frame)
    paint = PrivacyZones(settings.privacy.no_look)
    source = open_source(settings.camera, small_px=models.detector_px, stop=threading.Event(), paint=paint)
    try:
        yield from scenes(source, stages)
    finally:
        source.close()


def _read(path: Path) -> Image:
    if not exists(path):
        raise InputError(f"{path}: no such file")
    return read_image(path)


def _checked(image: Image) -> Image:
    """Return a view of an image, so that the caller's array stays writable."""
    image = np.asarray(image)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise ValueError(f"image is {image.dtype} {image.shape}, expected uint8 (H, W, 3) in BGR order")
    return np.ascontiguousarray(image).view()
