"""The camera check of the wizard: size, frame rate and image quality; no image is stored."""

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
from edge.monitor.lens import LensState, lens_state, sharpness
from edge.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edge.capture import WatchedSource
    from edge.data import Image
    from edge.detect import Detector
    from edge.settings.schema import CameraSettings

_SMALL_FACE_PX = 24.0
"""Height below which a face is often classified as unsure. Source: models/mask/CARD.md, faces 16 px wide and more."""
_MARGIN = 0.1
"""How much higher the score of a face must be in a rotated image: faces are also found upside down. Measured on 71
images: one upright one counts as rotated, and six of ten rotated ones are recognised."""
_ADVICE = {
    LensState.DARK: "it is dark: is the lens covered? is there light?",
    LensState.BRIGHT: "it is overexposed: does a lamp or the sun shine into the lens?",
    LensState.BLURRED: "it is blurred: wipe the lens, or turn its focus ring",
}


@dataclass(frozen=True, slots=True)
class CameraCheck:
    """Result of a camera check: image size, frame rate, and quality of the newest image.

    brightness: mean grey level.  sharpness: spread of a Laplacian, grey levels.  faces_px: heights of faces.
    turned_deg: by how much the image must be rotated clockwise for its faces to be upright.
    """

    size_px: tuple[int, int]
    fps_hz: float
    lens: LensState
    brightness: float
    sharpness: float
    faces_px: tuple[float, ...]
    turned_deg: int

    @property
    def advice(self) -> list[str]:
        """What to correct before continuing, empty if nothing."""
        wrong = [_ADVICE[self.lens]] if self.lens in _ADVICE else []
        if self.turned_deg:
            wrong.append(f"is the camera rotated? faces are upright when the image is turned by {self.turned_deg}°")
        if self.faces_px and max(self.faces_px) < _SMALL_FACE_PX:
            wrong.append("faces are small: move the camera closer, or increase camera.width_px and height_px")
        return wrong

    def __str__(self) -> str:
        width, height = self.size_px
        faces = ", ".join(f"{px:.0f} px" for px in self.faces_px) or "none"
        return (
            f"{width} x {height} pixels, {self.fps_hz:.0f} frames per second; brightness {self.brightness:.0f} of 255, "
            f"sharpness {self.sharpness:.0f}; faces: {faces}"
        )


def check_camera(
    settings: CameraSettings,
    detector: Detector,
    paint: Callable[[Image], None],
    *,
    password: str | None = None,
    patience_s: float = 10.0,
    duration_s: float = 2.0,
) -> CameraCheck:
    """Check a camera; `paint` changes every image in place before anything else sees it.

    password: of a network camera; None: the one of the settings.

    Raises:
        ConfigError: the camera's password cannot be read.
        CameraError: it cannot be opened, or delivers no image within `patience_s`.
        InputError: the file or folder does not exist.
    """
    source = open_source(settings, small_px=(320, 256), stop=threading.Event(), paint=paint, password=password)
    newest = None
    first_at = 0.0
    count = 0
    try:
        for newest in _frames(source, patience_s, duration_s):
            first_at = first_at if count else newest.at
            count += 1
    finally:
        source.close()
    if newest is None:
        raise CameraError(source.detail or f"{redacted(settings.source)}: delivers no image")
    elapsed_s = newest.at - first_at
    return check_frame(replace(newest, small=None), (count - 1) / elapsed_s if elapsed_s else 0.0, detector)


def _frames(source: WatchedSource, patience_s: float, duration_s: float) -> Iterator[Frame]:
    """Yield the frames of `duration_s` from the first one on, which may take `patience_s` to arrive."""
    until = time.monotonic() + patience_s
    waiting = True
    for frame in source:
        if isinstance(frame, Frame):
            until = time.monotonic() + duration_s if waiting else until
            waiting = False
            yield frame
        if time.monotonic() >= until or (waiting and source.state is CameraState.OFFLINE):
            return


def check_frame(frame: Frame, fps_hz: float, detector: Detector) -> CameraCheck:
    """Return the check of one frame."""
    faces = detector.detect(frame)
    heights = tuple(sorted((faces.boxes[:, 3] - faces.boxes[:, 1]).tolist(), reverse=True))
    brightness = float(frame.image.mean())
    best = float(faces.scores.max(initial=0))
    turned_deg = _turned(frame, best + _MARGIN, detector)
    return CameraCheck(
        frame.size_px, fps_hz, lens_state(frame.image), brightness, sharpness(frame.image), heights, turned_deg
    )


def _turned(frame: Frame, score: float, detector: Detector) -> int:
    """Return by how many degrees to turn an image for a face of at least `score`, 0 if no rotation gives one."""
    scores = {}
    for degrees in TURNS:
        found = detector.detect(Frame(turned(frame.image, degrees), frame.seq, frame.at, frame.read_at))
        scores[degrees] = float(found.scores.max(initial=0))
    best = max(scores, key=lambda degrees: scores[degrees])
    return best if scores[best] >= score else 0


def upright_by(settings: CameraSettings, turned_deg: int) -> int:
    """Return `camera.rotate` for an image that has to be turned further; a mirrored one turns the other way."""
    return (settings.rotate + (-turned_deg if settings.flip else turned_deg)) % 360
