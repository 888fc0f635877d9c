"""What the shadow on the street shows without labels: crashes, time, unsure verdicts, and where the models disagree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.evaluation.acceptance import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge.monitor.comparison import Comparison


@dataclass(frozen=True, slots=True)
class Bounds:
    """From where on a difference on the street is a fault.

    faces: least number of compared faces.  slower: ratio of the median processor times.
    unsure: how much larger the share of unsure verdicts may be.  disagreement: largest share of a size or a light.
    """

    faces: int = 300
    slower: float = 1.5
    unsure: float = 0.05
    disagreement: float = 0.2


def on_the_street(counts: Comparison, bounds: Bounds) -> list[Finding]:
    """Return what the shadow of one kind of model shows; nothing where no faces are asked for."""
    if not bounds.faces:
        return []
    if counts.compared < bounds.faces:
        few = f"the shadow has compared {counts.compared:,} faces of {bounds.faces:,}"
        return [Finding.refused(f"shadow, {counts.kind}", f"{few}; fix: let it run on, or set gate.shadow_faces")]
    faults = list(_faults(counts, bounds))
    if faults:
        return [Finding.refused(f"shadow, {counts.kind}", fault) for fault in faults]
    agreement = counts.agreement()
    figures = f"they agree on {agreement['value']:.3f} of {counts.compared:,} faces"
    return [Finding.passed(f"shadow, {counts.kind}", f"no fault on the street; {figures}")]


def _faults(counts: Comparison, bounds: Bounds) -> Iterator[str]:
    if counts.crashes:
        yield f"the challenger crashed or hung {counts.crashes} times on the street"
    champion, challenger = (counts.median_ms(model) for model in ("champion", "challenger"))
    if champion and challenger and challenger > bounds.slower * champion:
        yield f"it takes {challenger:.1f} ms of the processor where the champion takes {champion:.1f} ms"
    if counts.kind == "mask":
        before, now = (counts.share("unsure", model) for model in ("champion", "challenger"))
        if now["value"] - before["value"] > bounds.unsure and now["low"] > before["value"]:
            yield f"it is unsure of {now['value']:.3f} of the faces, the champion of {before['value']:.3f}"
    yield from _disagreements(counts, bounds.disagreement)


def _disagreements(counts: Comparison, bound: float) -> Iterator[str]:
    """Yield each size and light in which they certainly disagree on more than `bound`: by the interval."""
    body = counts.body()
    for group, unit in (("by_size_px", " px"), ("by_light", " light")):
        for name, share in body[group].items():
            if share["n"] and 1 - share["high"] > bound:
                yield f"they disagree on {1 - share['value']:.3f} of {share['n']:,} faces in {name}{unit}"
