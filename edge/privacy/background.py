"""The background model: the scene without people, learned from the parts of the image that stay the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge.data import Floats, Image, Scene

_GRID_PX = 160
"""Width at which images are compared: a head of one hundredth of the width still covers two pixels."""
_INTERVAL_S = 1.0
_KNOWN_AFTER_S = 600.0
"""How long a pixel must stay the same to count as background: longer than people wait without any movement."""
_ALIKE = 14.0
"""Difference per colour, grey levels, up to which a pixel counts as the same: twice a small camera's noise at night."""
_DRIFT = 0.05
"""Weight of a new image in a known pixel: daylight may change within minutes."""
_AROUND = 1.0
"""How far a person extends beyond the face, in faces, to both sides and up; down to the lower edge of the image."""


class BackgroundModel:
    """Sink that learns each pixel of the scene without people; never where a person is seen."""

    def __init__(self, *, known_after_s: float = _KNOWN_AFTER_S) -> None:
        """Accept a pixel as background after it has stayed the same for `known_after_s`."""
        self._known_after_s = known_after_s
        self._next_at = float("-inf")
        self._guess: Floats | None = None
        self._since: NDArray[np.float64] = np.zeros((0, 0))
        self._empty: Floats = np.zeros((0, 0, 3), np.float32)
        self._known: NDArray[np.bool_] = np.zeros((0, 0), bool)

    def put(self, scene: Scene) -> None:
        """Learn from a scene, once a second."""
        if scene.frame is None or scene.frame.at < self._next_at:
            return
        self._next_at = scene.frame.at + _INTERVAL_S
        seen = shrunk(scene.frame.image)
        people = where_people_are(scene)
        if self._guess is None or self._guess.shape != seen.shape:
            self._start(seen, scene.frame.at)
        self._learn(seen, people, scene.frame.at)

    def differs(self, image: Image) -> NDArray[np.bool_]:
        """Return where an image, uint8 (H, W, 3) BGR, may show a person, bool (h, w): all but known background."""
        seen = shrunk(image)
        if self._empty.shape != seen.shape:
            return np.ones(seen.shape[:2], bool)
        return ~(self._known & _alike(seen, self._empty))

    def _start(self, seen: Floats, at: float) -> None:
        self._guess = seen.copy()
        self._empty = seen.copy()
        self._known = np.zeros(seen.shape[:2], bool)
        self._since = np.full(seen.shape[:2], at)

    def _learn(self, seen: Floats, people: NDArray[np.bool_], at: float) -> None:
        """Start again where something changed or a person is; accept what has stayed the same."""
        assert self._guess is not None  # noqa: S101 - for mypy: put has started
        changed = people | ~_alike(seen, self._guess)
        self._guess[changed] = seen[changed]
        self._since[changed] = at
        accepted = at - self._since >= self._known_after_s
        self._empty[accepted] = self._guess[accepted]
        self._known |= accepted
        steady = ~changed
        self._guess[steady] += _DRIFT * (seen[steady] - self._guess[steady])
        same = self._known & ~people & _alike(seen, self._empty)
        self._empty[same] += _DRIFT * (seen[same] - self._empty[same])


def shrunk(image: Image) -> Floats:
    """Return an image at the size of comparison, float32 (h, 160, 3); subsampled first: a full mean costs more."""
    height, width = image.shape[:2]
    step = max(1, width // (2 * _GRID_PX))
    size = (_GRID_PX, max(1, round(_GRID_PX * height / width)))
    small = cv2.resize(every_nth(image, step), size, interpolation=cv2.INTER_AREA)
    result: Floats = small.astype(np.float32)
    return result


def every_nth(image: Image, step: int) -> Image:
    """Return every `step`-th pixel of an image both ways; 5 times as fast as numpy's strided copy."""
    if step == 1:
        return image
    size = (-(-image.shape[1] // step), -(-image.shape[0] // step))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_NEAREST), np.uint8)


def where_people_are(scene: Scene) -> NDArray[np.bool_]:
    """Return the pixels that people may cover, visible or just lost, bool (h, 160)."""
    if scene.frame is None:
        return np.zeros((0, 0), bool)
    width, height = scene.frame.size_px
    covered = np.zeros((max(1, round(_GRID_PX * height / width)), _GRID_PX), bool)
    scale = _GRID_PX / width
    for x1, y1, x2, y2 in scene.boxes:
        reach = _AROUND * max(x2 - x1, y2 - y1)
        left, right, top = ((v * scale) for v in (x1 - reach, x2 + reach, y1 - reach))
        covered[max(0, int(top)) :, max(0, int(left)) : max(0, int(right) + 1)] = True
    return covered


def _alike(first: Floats, second: Floats) -> NDArray[np.bool_]:
    alike: NDArray[np.bool_] = np.abs(first - second).max(2) <= _ALIKE
    return alike
