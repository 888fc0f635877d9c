"""What a challenger has to show on labelled images before it may replace the champion; one sentence for each check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.evaluation.dataset import LABELS
from edge.evaluation.sequence import bets_for, fewest, lower_bound, upper_bound
from edge.intervals import interval

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge.evaluation.paired import PairedFaces

ALPHA = 0.05
"""Probability that a challenger that is worse by the margin ever passes, however often images are added."""
LEAST_BARE = 50
"""Faces without a mask in a slice, from which on its recall is compared with the floor: a recall of .86 is then
estimated below .75 in 1 of 70 cases."""
_BARE = LABELS.index("without_mask")


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check of the gate found: its name, whether the challenger passes it, and one sentence."""

    check: str
    passes: bool
    sentence: str

    @classmethod
    def passed(cls, check: str, sentence: str) -> Finding:
        """Return a check that is passed."""
        return cls(check, passes=True, sentence=sentence)

    @classmethod
    def refused(cls, check: str, sentence: str) -> Finding:
        """Return a check that refuses the challenger."""
        return cls(check, passes=False, sentence=sentence)


@dataclass(frozen=True, slots=True)
class Limits:
    """What the labelled images have to show; shares of faces, 0 to 1.

    margin: how much worse the challenger is certainly not.  fall: how much worse no slice may be.
    floor: least recall of faces without a mask in the worst slice.
    """

    margin: float = 0.02
    fall: float = 0.03
    floor: float = 0.75


def on_labelled_images(faces: PairedFaces, limits: Limits) -> list[Finding]:
    """Return what the labelled images show."""
    return [not_worse(faces, limits.margin), no_slice_falls(faces, limits.fall), above_floor(faces, limits.floor)]


def not_worse(faces: PairedFaces, margin: float) -> Finding:
    """Return whether the challenger is certainly not worse by more than `margin`.

    Each image is one value, the difference of the shares of faces that both got right; the lower bound of their mean is
    a confidence sequence, so that images may be added until it decides.
    """
    values = faces.differences()
    least = fewest(margin)
    if len(values) < least:
        fix = f"label {least - len(values):,} more, or raise gate.margin, which is {margin:g}"
        return Finding.refused("not worse", f"{len(values):,} labelled images are too few to decide; fix: {fix}")
    low = lower_bound(values, ALPHA, bets_for(margin))
    figures = f"{_points(float(values.mean()))}, at least {_points(low)}, on {len(values):,} labelled images"
    if low > -margin:
        return Finding.passed("not worse", f"faces classified right: {figures}")
    return Finding.refused(
        "not worse",
        f"it is not shown to be less than {100 * margin:g} points worse: {figures}; fix: label more, or improve it",
    )


def no_slice_falls(faces: PairedFaces, fall: float) -> Finding:
    """Return whether no slice falls by more than `fall`.

    A slice falls where its mean difference is below -`fall`, and the upper bound of this mean, a confidence sequence of
    ALPHA divided by the number of slices, is below 0. The second condition keeps the chance of a small slice from
    refusing a challenger that is as good: at most ALPHA for all slices together.
    """
    slices = {name: faces.differences(here) for name, here in faces.slices.items() if here.any()}
    fallen = [
        f"{name} by {-100 * float(values.mean()):.1f} points of {len(values):,} images"
        for name, values in slices.items()
        if values.mean() < -fall and upper_bound(values, ALPHA / len(slices)) < 0
    ]
    if fallen:
        return Finding.refused("slices", f"slices fall by more than {100 * fall:g} points: {', '.join(fallen)}")
    worst = min(slices, key=lambda name: float(slices[name].mean()), default="")
    detail = f"; the largest change for the worse is {worst}, {_points(float(slices[worst].mean()))}" if worst else ""
    return Finding.passed("slices", f"no slice certainly falls and by more than {100 * fall:g} points{detail}")


def above_floor(faces: PairedFaces, floor: float) -> Finding:
    """Return whether the challenger finds the faces without a mask in the worst slice; small slices are left out."""
    worst = min(_recalls(faces), default=None)
    if worst is None:
        return Finding.refused(
            "worst slice", f"no slice has {LEAST_BARE} labelled faces without a mask; fix: label more of them"
        )
    recall, name, hits, bare = worst
    low, high = interval(hits, bare)
    figures = f"{recall:.3f} ({low:.3f} to {high:.3f}) of {bare:,} faces without a mask in the worst slice, {name}"
    if recall >= floor:
        return Finding.passed("worst slice", f"recall {figures}")
    return Finding.refused("worst slice", f"recall is below gate.floor, {floor:g}: {figures}")


def _recalls(faces: PairedFaces) -> Iterator[tuple[float, str, int, int]]:
    """Yield recall, name, hits and number of the faces without a mask of each slice that is large enough."""
    for name, here in faces.slices.items():
        bare = here & (faces.label == _BARE)
        if (count := int(bare.sum())) >= LEAST_BARE:
            hits = int(faces.correct[bare, 1].sum())
            yield hits / count, name, hits, count


def _points(share: float) -> str:
    return f"{100 * share:+.1f} points"
