"""Make the sprites of the built-in demo: the two public-domain portraits without background, with drawn masks.

    python -m models.train.draw.demo edge/capture/demo

Writes NAME_bare.png, NAME_masked.png, NAME_under_nose.png (with alpha) and LICENSE.txt.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from models.train.draw.masks import draw_mask
from models.train.draw.portraits import ASTRONAUT, PORTRAITS, Portrait
from models.train.draw.styles import Fit, Make, Style

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Image = NDArray[np.uint8]

_HEIGHT_PX = 360
_GRABCUT_ROUNDS = 8
_BLUE = Style(make=Make.SURGICAL, top=0.42, bottom=3.55, half_width=1.72, cloth=(222.0, 190.0, 122.0))
_PRINTED = Style(
    make=Make.CLOTH,
    top=0.4,
    bottom=3.6,
    half_width=1.72,
    pattern="dots",
    cloth=(62.0, 34.0, 40.0),
    second=(190.0, 190.0, 205.0),
    strap=(60.0, 40.0, 45.0),
)


def cut_out(portrait: Portrait) -> NDArray[np.float32]:
    """Return the coverage of the person in the portrait, float32 (H, W), 0..1, with a soft edge.

    Source: Rother et al., GrabCut: interactive foreground extraction using iterated graph cuts, 2004.
    """
    image = portrait.image()
    trimap = _trimap(portrait, image.shape[:2])
    models = np.zeros((2, 1, 65), np.float64)
    cv2.setRNGSeed(1)
    cv2.grabCut(image, trimap, None, models[0], models[1], _GRABCUT_ROUNDS, cv2.GC_INIT_WITH_MASK)  # type: ignore[call-overload]
    person = np.isin(trimap, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(person)
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax()) if count > 1 else 0
    closed = cv2.morphologyEx((labels == largest).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
    inner = cv2.erode(closed, np.ones((3, 3), np.uint8)).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(inner, (0, 0), 1.2), np.float32)


def _trimap(portrait: Portrait, shape: tuple[int, ...]) -> Image:
    """Return GrabCut's initial mask: pixels that are, may be and cannot be part of the person."""
    maybe = np.zeros(shape, np.uint8)
    sure = np.zeros(shape, np.uint8)
    x1, y1, x2, y2 = portrait.head
    centre = ((x1 + x2) // 2, (y1 + y2) // 2)
    axes = ((x2 - x1) // 2, (y2 - y1) // 2)
    for target, scale in ((maybe, 1.06), (sure, 0.72)):
        cv2.ellipse(target, centre, tuple(round(a * scale) for a in axes), 0, 0, 360, 1, -1)
        cv2.fillPoly(target, [np.array(portrait.shoulders, np.int32)], 1)
    kernel = np.ones((25, 25), np.uint8)
    below = np.zeros_like(sure)
    cv2.fillPoly(below, [np.array(portrait.shoulders, np.int32)], 1)
    below = cv2.erode(below, kernel, borderValue=1)
    cv2.ellipse(below, centre, tuple(round(a * 0.72) for a in axes), 0, 0, 360, 1, -1)
    maybe = cv2.dilate(maybe, np.ones((9, 9), np.uint8))
    trimap = np.where(maybe, cv2.GC_PR_FGD, cv2.GC_BGD)
    return np.where(below, cv2.GC_FGD, trimap).astype(np.uint8)


def variants(portrait: Portrait) -> dict[str, Image]:
    """Return the portrait bare, masked and with the mask under the nose, BGR."""
    rng = np.random.default_rng(7)
    image = portrait.image()
    points = np.array(portrait.landmarks)
    style = _BLUE if portrait is ASTRONAUT else _PRINTED
    low = replace(style, fit=Fit.UNDER_NOSE, top=1.55, bottom=3.95)
    return {
        "bare": image,
        "masked": draw_mask(image, points, style, rng),
        "under_nose": draw_mask(image, points, low, rng),
    }


def sprite(portrait: Portrait, image: Image, cover: NDArray[np.float32]) -> Image:
    """Return head and shoulders as BGRA, at most `_HEIGHT_PX` high; the lower edge fades out."""
    x1, y1, x2, y2 = portrait.figure
    whole = np.dstack([image.astype(np.float32), cover * 255])[y1:y2, x1:x2]
    scale = min(1.0, _HEIGHT_PX / (y2 - y1))
    small = cv2.resize(whole, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    pixels = np.clip(small, 0, 255).round().astype(np.uint8)
    pixels[pixels[..., 3] == 0] = 0
    return np.asarray(pixels, np.uint8)


def licence(portraits: tuple[Portrait, ...] = PORTRAITS) -> str:
    """Return the text on the origin of the images."""
    lines = [
        "The pictures in this folder were cut out of, and their masks drawn over, two public-domain portraits:",
        "",
    ]
    lines += [f"{p.name}: {p.origin}. From {p.package} {p.version}, {p.path}, sha256 {p.sha256}" for p in portraits]
    return "\n".join(
        [
            *lines,
            "",
            "What was added to them is under the licence of the project (MIT). The people shown endorse nothing.",
            "",
        ]
    )


def main(folder: Path) -> None:
    """Write the sprites and their licence into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for portrait in PORTRAITS:
        cover = cut_out(portrait)
        for name, image in variants(portrait).items():
            cv2.imwrite(
                str(folder / f"{portrait.name}_{name}.png"),
                sprite(portrait, image, cover),
                [cv2.IMWRITE_PNG_COMPRESSION, 9],
            )
    (folder / "LICENSE.txt").write_text(licence(), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
