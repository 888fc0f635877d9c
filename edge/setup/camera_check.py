"""A short look through a camera, for whoever sets it up: what comes, how fast, and how well; no picture is kept."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from edge.capture import CameraState
from edge.capture.preprocess import TURNS, turned
from edge.capture.spec import open_source
from edge.data import Frame
from edge.errors import CameraError
from edge.monitor.lens import Lens, look, sharpness
from edge.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edge.capture import WatchedSource
    from edge.data import Image
    from edge.detect import Detector
    from edge.settings.schema import CameraSettings

_SMALL_FACE_PX = 24.0
"""Height below which a face is often judged unsure. Source: models/mask/CARD.md, faces of 16 px width and more."""
_SURER = 0.1
"""How much better a face must be found in a turned picture: upside down they are found too. Measured on 71 pictures:
one upright one was thought turned, and six in ten turned ones would be told."""
_ADVICE = {
    Lens.DARK: "it is dark: is the lens covered, is there light?",
    Lens.BRIGHT: "it is blinded: does a lamp or the sun shine into the lens?",
    Lens.BLURRED: "it is blurred: wipe the lens, turn its focus ring",
}


@dataclass(frozen=True, slots=True)
class CameraCheck:
    """What a camera shows: its size, frames a second, and how the newest picture looks.

    brightness: mean grey level.  sharpness: spread of a Laplacian, grey levels.  faces_px: heights of faces.
    turned_deg: how far the picture must be turned to the right for its faces to stand upright.
    """

    size_px: tuple[int, int]
    fps_hz: float
    lens: Lens
    brightness: float
    sharpness: float
    faces_px: tuple[float, ...]
    turned_deg: int

    @property
    def advice(self) -> list[str]:
        """What to do before going on, empty where all is well."""
        wrong = [_ADVICE[self.lens]] if self.lens in _ADVICE else []
        if self.turned_deg:
            wrong.append(f"is the camera turned? faces stand upright when the picture is turned by {self.turned_deg}°")
        if self.faces_px and max(self.faces_px) < _SMALL_FACE_PX:
            wrong.append("faces are small: bring the camera nearer, or set camera.width_px and height_px higher")
        return wrong

    def __str__(self) -> str:
        width, height = self.size_px
        faces = ", ".join(f"{px:.0f} px" for px in self.faces_px) or "none in sight"
        return (
            f"{width} x {height} pixels, {self.fps_hz:.0f} a second; brightness {self.brightness:.0f} of 255, "
            f"sharpness {self.sharpness:.0f}; faces: {faces}"
        )


def check_camera(
    settings: CameraSettings,
    detector: Detector,
    paint: Callable[[Image], None],
    *,
    password: str | None = None,
    patience_s: float = 10.0,
    look_s: float = 2.0,
) -> CameraCheck:
    """Return what a camera shows; `paint` changes every picture in place before anything else sees it.

    password: of a network camera; None: as the settings name it.

    Raises:
        ConfigError: the camera's password cannot be read.
        CameraError: it cannot be opened, or gives no picture within `patience_s`.
        InputError: the file or folder that is named is not there.
    """
    source = open_source(settings, small_px=(320, 256), stop=threading.Event(), paint=paint, password=password)
    newest, first_at, count = None, 0.0, 0
    try:
        for newest in _frames(source, patience_s, look_s):
            first_at, count = first_at if count else newest.at, count + 1
    finally:
        source.close()
    if newest is None:
        raise CameraError(source.detail or f"{redacted(settings.source)}: gives no picture")
    elapsed_s = newest.at - first_at
    return seen(replace(newest, small=None), (count - 1) / elapsed_s if elapsed_s else 0.0, detector)


def _frames(source: WatchedSource, patience_s: float, look_s: float) -> Iterator[Frame]:
    """Yield the pictures of `look_s` from the first one on, which may take `patience_s` to come."""
    until, waiting = time.monotonic() + patience_s, True
    for frame in source:
        if isinstance(frame, Frame):
            until, waiting = time.monotonic() + look_s if waiting else until, False
            yield frame
        if time.monotonic() >= until or (waiting and source.state is CameraState.OFFLINE):
            return


def seen(frame: Frame, fps_hz: float, detector: Detector) -> CameraCheck:
    """Return how a picture looks."""
    faces = detector.detect(frame)
    heights = tuple(sorted((faces.boxes[:, 3] - faces.boxes[:, 1]).tolist(), reverse=True))
    brightness, best = float(frame.image.mean()), float(faces.scores.max(initial=0))
    turned_deg = _turned(frame, best + _SURER, detector)
    return CameraCheck(
        frame.size_px, fps_hz, look(frame.image), brightness, sharpness(frame.image), heights, turned_deg
    )


def _turned(frame: Frame, score: float, detector: Detector) -> int:
    """Return by how many degrees to turn a picture for a face of at least `score`, 0 if that helps not."""
    scores = {}
    for degrees in TURNS:
        found = detector.detect(Frame(turned(frame.image, degrees), frame.seq, frame.at, frame.read_at))
        scores[degrees] = float(found.scores.max(initial=0))
    best = max(scores, key=lambda degrees: scores[degrees])
    return best if scores[best] >= score else 0


def upright_by(settings: CameraSettings, turned_deg: int) -> int:
    """Return `camera.rotate` for an image that has to be turned further; one that is mirrored turns the other way."""
    return (settings.rotate + (-turned_deg if settings.flip else turned_deg)) % 360
