"""Draw hands and things in front of faces and next to them: a small detector takes them for faces, or loses faces."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from models.train.draw.negatives import KINDS, draw_negative
from models.train.geometry import LANDMARKS, FaceCamera

if TYPE_CHECKING:
    from models.train.face.canvas import Canvas
    from models.train.face.photos import Photo

_BEFORE = ("hand", "phone", "cup", "microphone", "paper", "scarf")
_BESIDE = ("hand", "hand", "phone", "cup", "microphone", "paper")
_REACH = 7
"""Half side of the window in which a thing is drawn, in half eye distances."""
_PALE_BGR, _DARK_BGR = np.array([185, 200, 235]), np.array([40, 55, 85])


def covered(photo: Photo, rng: np.random.Generator) -> Photo:
    """Return a photograph of a face with a hand or a thing before its lower half."""
    kind = str(rng.choice(_BEFORE))
    return replace(photo, image=draw_negative(photo.image, photo.landmarks[0], kind, rng))  # type: ignore[arg-type]


def strew(canvas: Canvas, rng: np.random.Generator) -> None:
    """Draw a few hands and things anywhere."""
    height, width = canvas.image.shape[:2]
    for _ in range(int(rng.integers(1, 4))):
        unit = float(np.exp(rng.uniform(np.log(5), np.log(24))))
        reach = int(_REACH * unit)
        x, y = (int(rng.integers(0, side - reach)) for side in (width, height))
        window = canvas.image[y : y + 2 * reach, x : x + 2 * reach]
        skin = (_DARK_BGR + (_PALE_BGR - _DARK_BGR) * rng.random()).astype(np.float32)
        camera = FaceCamera.fit(LANDMARKS[:, :2] * unit + reach)
        drawn = KINDS[str(rng.choice(_BESIDE))](window.astype(np.float32), camera, skin, rng)
        canvas.image[y : y + 2 * reach, x : x + 2 * reach] = np.clip(drawn, 0, 255).astype(np.uint8)
        canvas.hide(x + reach - unit, y + reach - unit, 2 * unit, 5 * unit)
