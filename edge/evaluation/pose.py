"""The pose of each labelled face, measured by one fixed network on the face's own box, whatever was found there.

A pose belongs to the labelled face and not to a detection. Otherwise missed faces would have none, and a detector that
misses profiles would show few of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edge import paths
from edge.boxes import iou
from edge.crop import cut, square_about
from edge.data import Faces, Frame
from edge.evaluation.matching import MATCH_IOU
from edge.stages import load_detector

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge.data import Floats
    from edge.tflite import ModelSpec

POSES = ("frontal", "three_quarter", "profile", "rolled", "bent", "unknown")
"""A face may be in several; `frontal` is in no other, and `unknown` where the network finds no face."""
_SQUARE = 1.8
"""Side of what the network sees, in longer sides of the labelled box: the face then fills half of its input."""
_MIN_SCORE = 0.1
"""Low, since the box is known to contain a face: dark and turned ones score little."""
_THREE_QUARTER, _PROFILE = 0.38, 0.30
"""Distance of the eyes in widths of the box: .45 from the front, times the cosine of the turn: 32 and 48 degrees."""
_ROLLED_DEGREES = 25.0
_BENT_DOWN, _BENT_UP = 0.72, 0.35
"""Place of the nose between eyes (0) and mouth (1): .55 upright. A head with the nose at (1.1, .95) and the mouth at
(2.0, .3), down and forward of the eyes in half eye distances, gives these when it is bent by 25 degrees."""


class PoseReference:
    """Finds the landmarks of labelled faces with the verifier that ships, CenterFace on a square about one face."""

    def __init__(self) -> None:
        """Load the network.

        Raises:
            ModelError: it is missing or damaged.
        """
        self._detector, model = load_detector(paths.models() / "face" / "verifier", min_score=_MIN_SCORE)
        self._input_px = model.size_px[0]
        self.spec: ModelSpec = model.spec

    def poses(self, frame: Frame, boxes: Floats) -> NDArray[Any]:
        """Return the poses of the faces in some labelled boxes, float32 (N, 4): bool (N, len(POSES))."""
        rows = [poses_of(self._face(frame, box)) for box in boxes]
        return np.array(rows, bool).reshape(-1, len(POSES))

    def _face(self, frame: Frame, box: Floats) -> Faces:
        """Return the face with the best score of those that match a box, in pixels of the input; none if none does."""
        left, top, side = square_about(box, (_SQUARE - 1) / 2)
        image = cut(frame.image, (left, top, side), self._input_px)
        faces = self._detector.detect(Frame(image, frame.seq, at=frame.at, read_at=frame.read_at))
        there = (box - np.array([left, top, left, top], np.float32)) * np.float32(self._input_px / side)
        return faces.take(np.flatnonzero(iou(there[None], faces.boxes)[0] >= MATCH_IOU)[:1].tolist())


def poses_of(face: Faces) -> list[bool]:
    """Return which of POSES one face is in, or `unknown` for no face or one without landmarks.

    * turned: eye distance / box width < .38 three-quarter, < .30 profile;
    * rolled: the line from the middle of the eyes to that of the mouth is 25 degrees or more off the vertical;
    * bent: the nose's place on that line, as a share of its length, is > .72 (down) or < .35 (up).

    The line, and not that through the eyes: in profile these are a few pixels apart, and their direction is chance.
    """
    if not len(face) or face.landmarks is None:
        return [name == "unknown" for name in POSES]
    left_eye, right_eye, nose, *mouth = face.landmarks[0]
    x1, _, x2, _ = face.boxes[0]
    eyes, down = (left_eye + right_eye) / 2, sum(mouth) / 2 - (left_eye + right_eye) / 2
    apart = float(np.linalg.norm(right_eye - left_eye) / max(x2 - x1, 1e-6))
    rolled = abs(np.degrees(np.arctan2(down[0], down[1]))) >= _ROLLED_DEGREES
    place = float((nose - eyes) @ down / max(float(down @ down), 1e-6))
    bent = not _BENT_UP <= place <= _BENT_DOWN
    turned = apart < _THREE_QUARTER
    return [not (turned or rolled or bent), _PROFILE <= apart < _THREE_QUARTER, apart < _PROFILE, rolled, bent, False]
