"""Survey the photographs with CenterFace: where is a face, how far is it turned, what in a street may be one.

python -m models.train.face.survey PICTURES OUT.json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge.boxes import Letterbox
from edge.data import Faces
from edge.detect.centerface import decode
from models.train.face.convert import fetch
from models.train.face.images import read_bgr
from models.train.face.maps import split
from models.train.face.photos import STREETS, crop_files, key, street_files
from models.train.face.teacher import maps, session

if TYPE_CHECKING:
    from edge.data import Image

_CROP_PX = 192
"""One face fills the image; larger, CenterFace finds parts of it."""
_STREET_PX = 640
_FACE_SCORE = 0.5
_MAYBE_SCORE = 0.2
"""In a street: below, nothing there counts as a face."""


class Surveyor:
    """CenterFace at one square size."""

    def __init__(self, side_px: int, min_score: float) -> None:
        """Load the network."""
        self._session = session(fetch(), side_px, side_px)
        self._side_px = side_px
        self._min_score = min_score

    def faces(self, image: Image) -> Faces:
        """Return the faces in pixels of a BGR image."""
        fit = Letterbox.fit((image.shape[1], image.shape[0]), self._side_px, self._side_px)
        found = decode(*split(maps(self._session, fit.apply(image))), min_score=self._min_score)
        return Faces(fit.undo(found.boxes), found.scores, fit.undo(found.landmarks))  # type: ignore[arg-type]


def read_survey(file: Path) -> dict[str, Faces]:
    """Return the faces by source and file name."""
    rows = json.loads(file.read_text("utf-8"))
    return {name: _faces(*row) for name, row in rows.items()}


def _faces(boxes: list[object], scores: list[float], landmarks: list[object]) -> Faces:
    return Faces(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(scores, np.float32),
        np.array(landmarks, np.float32).reshape(-1, 5, 2),
    )


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    near, far = Surveyor(_CROP_PX, _FACE_SCORE), Surveyor(_STREET_PX, _MAYBE_SCORE)
    wanted = [(near, source, path) for source, path in crop_files(args.pictures)]
    wanted += [(far, STREETS, path) for path in street_files(args.pictures)]
    found = {key(source, path): surveyor.faces(read_bgr(path)) for surveyor, source, path in wanted}
    rows = {
        name: [faces.boxes.round(2).tolist(), faces.scores.round(4).tolist(), faces.landmarks.round(2).tolist()]  # type: ignore[union-attr]
        for name, faces in found.items()
    }
    args.out.write_text(json.dumps(rows) + "\n", "utf-8")


if __name__ == "__main__":
    main()
