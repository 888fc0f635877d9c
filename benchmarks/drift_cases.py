"""The shifts that drift must notice, as changes of an image; with what the models make of the labelled sources then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from edge.data import Image


def darker(image: Image) -> Image:
    """Return a third of the light, as of a lamp that has failed."""
    return (image * np.float32(0.33)).astype(np.uint8)


def blurred(image: Image) -> Image:
    """Return an image out of focus by 1.5 px of 400."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), max(image.shape[1] / 400 * 1.5, 0.8)), np.uint8)


def warm(image: Image) -> Image:
    """Return a colour cast as of a white balance that has failed: blue at 70 %, red at 125 %."""
    return np.clip(image * np.array([0.7, 1.0, 1.25], np.float32), 0, 255).astype(np.uint8)


def smaller(image: Image) -> Image:
    """Return the image at 60 % of its size: people pass at a greater distance."""
    return np.asarray(cv2.resize(image, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA), np.uint8)


def covered(image: Image) -> Image:
    """Return an image whose upper left quarter is covered, softly, as by a leaf on the lens."""
    height, width = image.shape[:2]
    light = np.ones((height, width), np.float32)
    light[: height // 2, : width // 2] = 0.05
    soft = cv2.GaussianBlur(light, (0, 0), max(width / 40, 1.0))
    return (image * soft[..., None]).astype(np.uint8)


CHANGES = {"darker": darker, "blurred": blurred, "colour cast": warm, "smaller": smaller, "covered": covered}
