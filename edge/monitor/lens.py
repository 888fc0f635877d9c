"""Whether the lens sees: told apart by how bright, how sharp and how full of edges the whole picture is."""

from __future__ import annotations

import logging
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge.data import Mask
from edge.monitor.viewpoint import Viewpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.data import Floats, Frame, Image, Scene, Verdicts

log = logging.getLogger(__name__)

_LOOK_S = 0.5
_DARK, _BRIGHT = 32.0, 235.0
"""Grey levels: dark where even the brightest hundredth is below, bright where even the darkest tenth is above.

A street at night has lamps and windows in its brightest hundredth; a covered lens has noise about 16, video black.
"""
_BLURRED = 3.0
"""Spread of a Laplacian, grey levels, below which not even the sharpest strip has an edge. Measured: 200 street scenes
4.1 and more; blurred by 5 px of 1280, with noise of 3 levels, 2.8 and less."""
_CONTRAST = 6.0
"""Spread of grey levels below which a picture is too plain to be called blurred: fog, a bare wall."""
_STRIPS = 8


class Lens(StrEnum):
    """How the lens sees; the value is the name on the wire."""

    OK = "ok"
    DARK = "dark"
    BRIGHT = "bright"
    BLURRED = "blurred"
    MOVED = "moved"


_BLIND = frozenset({Lens.DARK, Lens.BRIGHT, Lens.BLURRED})
"""A lens that looks elsewhere still sees."""


class LensHealth:
    """Sink that says how the lens sees, once it has seen so for a while, and makes verdicts unsure meanwhile."""

    def __init__(self, *, patience_s: float, moved_s: float) -> None:
        """Believe a change that lasts for `patience_s`, and another view that lasts for `moved_s`."""
        self._patience_s, self._viewpoint = patience_s, Viewpoint(patience_s=moved_s)
        self._look_at = float("-inf")
        self._seen, self._since = Lens.OK, float("-inf")
        self.state = Lens.OK

    def put(self, scene: Scene) -> None:
        """Look at the picture of a scene, twice a second."""
        if scene.frame is not None and scene.frame.at >= self._look_at:
            self._look_at = scene.frame.at + _LOOK_S
            seen = look(scene.frame.image)
            if seen is Lens.OK and self._viewpoint.moved(scene.frame.image, scene.frame.at):
                seen = Lens.MOVED
            self._believe(seen, scene.frame.at)

    def unsure_while_blind(self, classify: Callable[[Frame, Floats], Verdicts]) -> Callable[[Frame, Floats], Verdicts]:
        """Return `classify`, whose every label is unsure while the lens does not see."""

        def call(frame: Frame, boxes: Floats) -> Verdicts:
            verdicts = classify(frame, boxes)
            if not {self.state, self._seen} & _BLIND:
                return verdicts
            return replace(verdicts, masks=(Mask.UNSURE,) * len(verdicts))

        return call

    def _believe(self, seen: Lens, at: float) -> None:
        if seen is not self._seen:
            self._seen, self._since = seen, at
        if seen is not self.state and at - self._since >= self._patience_s:
            self.state = seen
            log.log(logging.INFO if seen is Lens.OK else logging.WARNING, "lens: %s", seen.value)


def look(image: Image) -> Lens:
    """Return what one picture, uint8 (H, W, 3) BGR, says of the lens."""
    strips = _strips(image)
    darkest, brightest = np.percentile(strips, (10, 99))
    if brightest < _DARK:
        return Lens.DARK
    if darkest > _BRIGHT:
        return Lens.BRIGHT
    if strips.std() >= _CONTRAST and _sharpness(strips) < _BLURRED:
        return Lens.BLURRED
    return Lens.OK


def sharpness(image: Image) -> float:
    """Return how sharp the sharpest part of a picture is, grey levels; 3 and less is blurred."""
    return _sharpness(_strips(image))


def _strips(image: Image) -> Image:
    """Return grey strips across a picture, uint8 (8, h, W), in its own resolution, since shrinking hides a blur."""
    height = image.shape[0]
    rows = min(16, max(1, height // _STRIPS))
    tops = np.linspace(0, height - rows, _STRIPS).astype(int)
    grey = [cv2.cvtColor(np.ascontiguousarray(image[top : top + rows]), cv2.COLOR_BGR2GRAY) for top in tops]
    return np.stack(grey).astype(np.uint8, copy=False)


def _sharpness(strips: Image) -> float:
    """Return the spread of a Laplacian in the sharpest strip, after a small blur that takes the sensor's noise away.

    Source: Pech-Pacheco et al., Diatom autofocusing in brightfield microscopy, 2000 (variance of Laplacian).
    """
    smooth = [cv2.GaussianBlur(strip, (3, 3), 0) for strip in strips]
    return max(float(cv2.Laplacian(strip, cv2.CV_32F).std()) for strip in smooth)
