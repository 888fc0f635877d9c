"""The kinds of masks: make, colour, print, size and fit, chosen at random."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

from models.train.draw.fabric import COLOURS, PRINTS, colour

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.float32]


class Fit(Enum):
    """How a mask is worn; all but RIGHT are incorrect."""

    RIGHT = "right"
    UNDER_NOSE = "under_nose"
    CHIN = "chin"
    FOREHEAD = "forehead"
    ONE_EAR = "one_ear"


class Make(Enum):
    """The type of a mask, which determines outline, folds and straps."""

    SURGICAL = "surgical"
    CLOTH = "cloth"
    FFP2 = "ffp2"
    DUCKBILL = "duckbill"
    GAITER = "gaiter"
    CLEAR = "clear"


@dataclass(frozen=True, slots=True)
class Style:
    """One mask; lengths in canonical units (half the eye distance).

    top, bottom: y of the middle of the upper and lower edge.  half_width: x of the side edges.
    cloth, second: BGR colours.  dye: name of the range of `cloth`.  opacity: 1 for cloth.
    swatch: image of real cloth, float32 (h, w, 3), instead of a print.
    """

    make: Make = Make.SURGICAL
    fit: Fit = Fit.RIGHT
    top: float = 0.45
    bottom: float = 3.35
    half_width: float = 1.5
    tilt: float = 0.0
    side: int = 1
    cloth: tuple[float, float, float] = (225.0, 190.0, 120.0)
    second: tuple[float, float, float] = (240.0, 240.0, 240.0)
    strap: tuple[float, float, float] = (235.0, 235.0, 235.0)
    pattern: str = "solid"
    dye: str = "surgical"
    opacity: float = 1.0
    swatch: Pixels | None = field(default=None, compare=False)


_TOPS = {
    Fit.RIGHT: (0.1, 0.75),
    Fit.UNDER_NOSE: (1.38, 1.8),
    Fit.CHIN: (2.2, 2.95),
    Fit.FOREHEAD: (-2.6, -1.9),
    Fit.ONE_EAR: (0.3, 1.2),
}
_LENGTHS = {
    Fit.RIGHT: (2.7, 3.5),
    Fit.UNDER_NOSE: (1.9, 2.9),
    Fit.CHIN: (0.9, 2.2),
    Fit.FOREHEAD: (1.1, 1.5),
    Fit.ONE_EAR: (1.8, 2.8),
}
_FITS_WRONG = ((Fit.UNDER_NOSE, 0.32), (Fit.CHIN, 0.54), (Fit.FOREHEAD, 0.06), (Fit.ONE_EAR, 0.08))
"""With the real masks moved below the nose (`lowered`), about half are on the chin and four in ten under the nose."""
_MAKES = (
    (Make.SURGICAL, 0.36),
    (Make.CLOTH, 0.32),
    (Make.FFP2, 0.14),
    (Make.DUCKBILL, 0.06),
    (Make.GAITER, 0.09),
    (Make.CLEAR, 0.03),
)

_VISIBLE = 90.0
"""Sum of BGR differences from the skin below which a mask off the mouth could not be seen on a bare face."""


def random_fit(rng: np.random.Generator) -> Fit:
    """Return one of the incorrect fits, with the frequencies that training needs."""
    return _FITS_WRONG[rng.choice(len(_FITS_WRONG), p=[share for _, share in _FITS_WRONG])][0]


def random_style(rng: np.random.Generator, fit: Fit, skin: Pixels, colours: tuple[str, ...] = ()) -> Style:
    """Return a mask of any make and colour with the given fit; `colours` restricts the colour ranges."""
    off_the_mouth = fit in {Fit.CHIN, Fit.FOREHEAD, Fit.ONE_EAR}
    make = _random_make(rng, fit)
    names = colours or (*COLOURS, *(() if off_the_mouth else ("skin",)))
    pattern = "solid" if rng.random() < 0.6 or make is Make.CLEAR else str(rng.choice(list(PRINTS)))
    top = rng.uniform(*_TOPS[fit])
    dye = str(rng.choice(names))
    cloth = colour(rng, dye, skin)
    if off_the_mouth and np.abs(cloth - skin).sum() < _VISIBLE:
        cloth = 255 - skin
    style = Style(
        make=make,
        fit=fit,
        top=top,
        bottom=top + rng.uniform(*_LENGTHS[fit]),
        half_width=rng.uniform(1.3, 1.9),
        tilt=rng.normal(0, 0.06),
        side=int(rng.choice([-1, 1])),
        pattern=pattern,
        dye=dye,
        cloth=_triple(cloth),
        second=_triple(colour(rng, str(rng.choice(names)), skin)),
        opacity=rng.uniform(0.25, 0.5) if make is Make.CLEAR else 1.0,
    )
    strap = style.cloth if rng.random() < 0.5 else _triple(colour(rng, str(rng.choice(["white", "black"])), skin))
    return replace(style, strap=strap)


def _random_make(rng: np.random.Generator, fit: Fit) -> Make:
    """Return a make that can be worn and seen with the given fit."""
    make = _MAKES[rng.choice(len(_MAKES), p=[share for _, share in _MAKES])][0]
    unseen = make is Make.CLEAR and fit in {Fit.CHIN, Fit.FOREHEAD, Fit.ONE_EAR}
    impossible = make is Make.GAITER and fit is Fit.ONE_EAR
    return Make.CLOTH if unseen or impossible else make


def _triple(values: Pixels) -> tuple[float, float, float]:
    first, second, third = (float(v) for v in values)
    return first, second, third
