"""Health of the lens: dark, bright, blurred or moved, from brightness, sharpness and edges of the whole image."""

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
    from collections.abc import Callable, Sequence

    from edge.data import Faces, Frame, Image, Scene, Verdicts

    Classify = Callable[[Frame, Faces, Sequence[bool]], Verdicts]

log = logging.getLogger(__name__)

_INTERVAL_S = 0.5
_DARK, _BRIGHT = 32.0, 235.0
"""Grey levels: dark if even the brightest hundredth is below, bright if even the darkest tenth is above.

A street at night has lamps and windows in its brightest hundredth; a covered lens has noise around 16, video black.
"""
_BLURRED = 3.0
"""Spread of a Laplacian, grey levels, below which not even the sharpest strip has an edge. Measured: 200 street scenes
4.1 and more; blurred by 5 px of 1280, with noise of 3 levels, 2.8 and less."""
_CONTRAST = 6.0
"""Spread of grey levels below which an image is too uniform to be called blurred: fog, a bare wall."""
_STRIPS = 8


class LensState(StrEnum):
    """State of the lens; the value is the name on the wire."""

    OK = "ok"
    DARK = "dark"
    BRIGHT = "bright"
    BLURRED = "blurred"
    MOVED = "moved"


_BLIND = frozenset({LensState.DARK, LensState.BRIGHT, LensState.BLURRED})
"""States in which no verdict is possible; after a move, the lens still sees."""


class LensHealth:
    """Sink that determines the state of the lens; while the lens is blind, verdicts are unsure."""

    def __init__(self, *, patience_s: float, moved_s: float) -> None:
        """Accept a change after `patience_s`, and another viewpoint after `moved_s`."""
        self._patience_s = patience_s
        self._viewpoint = Viewpoint(patience_s=moved_s)
        self._next_at = float("-inf")
        self._seen = LensState.OK
        self._since = float("-inf")
        self.state = LensState.OK

    def put(self, scene: Scene) -> None:
        """Check the image of a scene, twice a second."""
        if scene.frame is not None and scene.frame.at >= self._next_at:
            self._next_at = scene.frame.at + _INTERVAL_S
            seen = lens_state(scene.frame.image)
            if seen is LensState.OK and self._viewpoint.moved(scene.frame.image, scene.frame.at):
                seen = LensState.MOVED
            self._accept(seen, scene.frame.at)

    @property
    def is_blind(self) -> bool:
        """Whether no verdict is possible."""
        return bool({self.state, self._seen} & _BLIND)

    def unsure_while_blind(self, classify: Classify) -> Classify:
        """Return `classify` with every label unsure while the lens is blind."""

        def call(frame: Frame, faces: Faces, mirrored: Sequence[bool]) -> Verdicts:
            verdicts = classify(frame, faces, mirrored)
            if not self.is_blind:
                return verdicts
            return replace(verdicts, masks=(Mask.UNSURE,) * len(verdicts))

        return call

    def _accept(self, seen: LensState, at: float) -> None:
        if seen is not self._seen:
            self._seen = seen
            self._since = at
        if seen is not self.state and at - self._since >= self._patience_s:
            self.state = seen
            log.log(logging.INFO if seen is LensState.OK else logging.WARNING, "lens: %s", seen.value)


def lens_state(image: Image) -> LensState:
    """Return the state of the lens by one image, uint8 (H, W, 3) BGR."""
    strips = _strips(image)
    darkest, brightest = np.percentile(strips, (10, 99))
    if brightest < _DARK:
        return LensState.DARK
    if darkest > _BRIGHT:
        return LensState.BRIGHT
    if strips.std() >= _CONTRAST and _sharpness(strips) < _BLURRED:
        return LensState.BLURRED
    return LensState.OK


def sharpness(image: Image) -> float:
    """Return the sharpness of the sharpest part of an image, grey levels; 3 and less is blurred."""
    return _sharpness(_strips(image))


def _strips(image: Image) -> Image:
    """Return grey strips across an image, uint8 (8, h, W), at full resolution, since downscaling hides blur."""
    height = image.shape[0]
    rows = min(16, max(1, height // _STRIPS))
    tops = np.linspace(0, height - rows, _STRIPS).astype(int)
    grey = [cv2.cvtColor(np.ascontiguousarray(image[top : top + rows]), cv2.COLOR_BGR2GRAY) for top in tops]
    return np.stack(grey).astype(np.uint8, copy=False)


def _sharpness(strips: Image) -> float:
    """Return the spread of a Laplacian in the sharpest strip, after a small blur that removes sensor noise.

    Source: Pech-Pacheco et al., Diatom autofocusing in brightfield microscopy, 2000 (variance of Laplacian).
    """
    smooth = [cv2.GaussianBlur(strip, (3, 3), 0) for strip in strips]
    return max(float(cv2.Laplacian(strip, cv2.CV_32F).std()) for strip in smooth)
