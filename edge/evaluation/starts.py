"""Alerts raised in video clips against those expected by a person who watched them."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.table import Table

from edge.capture.preprocess import preparation
from edge.capture.video import VideoSource
from edge.data import EventType, Frame, Mask
from edge.errors import CameraError
from edge.evaluation.metrics import rate_interval
from edge.intervals import interval
from edge.monitor.timings import Timings
from edge.pipeline import scenes
from edge.privacy.zones import PrivacyZones
from edge.stages import build_stages

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

    from rich.progress import Progress

    from edge.data import Alert
    from edge.evaluation.truth import Bare, Clip
    from edge.pipeline import Stages
    from edge.settings.schema import Settings
    from edge.stages import Models

_LATE_S = 1.0
"""Times by eye are rough, and a label outlasts its verdicts: a start this long after the mask is on still counts."""
_ROUNDING = 1e-6
_COUNTS = ("expected", "raised", "met", "missed", "false", "repeated", "brief")
_COLUMNS = ("expected", "met", "missed", "false", "repeated", "brief")
"""What a start can be; `raised` is the sum of met, false, repeated and brief."""


@dataclass(frozen=True, slots=True)
class Played:
    """What a clip raised: the starts of episodes without a mask, and how many of them ended for which reason."""

    duration_s: float
    starts: tuple[Alert, ...]
    ends: dict[str, int]


def report(
    clips: Iterable[Clip],
    models: Models,
    settings: Settings,
    rate_hz: float | None,
    progress: Progress,
    on_bad: Callable[[CameraError], None],
) -> dict[str, Any]:
    """Return the figures of each clip and of all; a clip that cannot be read is reported and left out."""
    prepare = preparation(settings.camera, PrivacyZones(settings.privacy.no_look))
    rows = []
    for clip in clips:
        stages = build_stages(settings, models, Timings(), every_frame=rate_hz is None)
        try:
            source = VideoSource(clip.path, on_bad=on_bad, prepare=prepare)
        except CameraError as error:
            on_bad(error)
            continue
        task = progress.add_task(clip.path.name, total=source.expected_frames or None)
        with closing(source):
            played = play(source, stages, rate_hz, lambda: progress.advance(task))  # noqa: B023 - called in this turn
        progress.remove_task(task)
        rows.append(compare(clip, played, settings.alert.dwell_s))
    return {
        "models": {kind: spec.identity for kind, spec in models.specs.items()},
        "rule": {"dwell_s": settings.alert.dwell_s, "late_s": _LATE_S, "rate_hz": rate_hz, "interval": 0.95},
        "clips": rows,
        "sum": in_sum(rows),
    }


def play(source: VideoSource, stages: Stages, rate_hz: float | None, advance: Callable[[], None]) -> Played:
    """Walk a video through the stages: every frame, or `rate_hz` of them per second, as a slow device does.

    advance: called after each frame that was read.
    """
    alerts: list[Alert] = []
    at = 0.0
    for scene in scenes(_due(source, 1 / rate_hz if rate_hz else 0.0, advance), stages):
        at = scene.frame.at if scene.frame else at
        alerts += [alert for alert in scene.alerts if alert.episode is Mask.WITHOUT_MASK]
    starts = tuple(alert for alert in alerts if alert.event_type is EventType.START)
    ends = Counter(alert.reason.value for alert in alerts if alert.event_type is EventType.END and alert.reason)
    return Played(at + 1 / source.rate_hz, starts, dict(sorted(ends.items())))


def _due(source: VideoSource, every_s: float, advance: Callable[[], None]) -> Generator[Frame, None, None]:
    """Yield every frame, or the first in each interval of `every_s`."""
    taken = -1
    for frame in source:
        advance()
        interval_number = int(frame.at / every_s + _ROUNDING) if every_s else taken + 1
        if isinstance(frame, Frame) and interval_number > taken:
            taken = interval_number
            yield frame


def compare(clip: Clip, played: Played, dwell_s: float) -> dict[str, Any]:
    """Return what became of each expected start, and of each start that was raised.

    A person is expected to raise one if without a mask for at least the dwell time.  met: a start came while the person
    was without a mask, inside the area.  repeated: another one of the same person.  brief: one of a person who need
    not have raised any.  false: there is no such person.  Latency counts from the end of the dwell time, s.
    """
    raised, repeated, false = _assigned(clip.bare, played.starts)
    expected = [person for person, bare in enumerate(clip.bare) if bare.duration_s >= dwell_s]
    met = [person for person in expected if person in raised]
    latency_s = [raised[person].raised_at - clip.bare[person].from_s - dwell_s for person in met]
    return {
        "file": clip.path.name,
        "duration_s": round(played.duration_s, 3),
        "expected": len(expected),
        "raised": len(played.starts),
        "met": len(met),
        "missed": len(expected) - len(met),
        "false": len(false),
        "repeated": len(repeated),
        "brief": len(raised) - len(met),
        "latency_s": [round(value, 3) for value in latency_s],
        "ends": played.ends,
        "bare": [_person(bare, raised.get(person)) for person, bare in enumerate(clip.bare)],
        "false_starts": [_place(start) for start in false],
    }


def _assigned(people: Sequence[Bare], starts: Sequence[Alert]) -> tuple[dict[int, Alert], list[Alert], list[Alert]]:
    """Return the first start of each person, the others of a person, and those of nobody."""
    raised: dict[int, Alert] = {}
    repeated: list[Alert] = []
    false: list[Alert] = []
    for start in starts:
        near = _nearest(people, start)
        free = [person for person in near if person not in raised]
        if free:
            raised[free[0]] = start
        else:
            (repeated if near else false).append(start)
    return raised, repeated, false


def _nearest(people: Sequence[Bare], start: Alert) -> list[int]:
    """Return the people who may have raised a start: the nearest first, then those without a mask for the shortest."""
    at = start.raised_at
    distances = {
        person: bare.distance(start.track.box, at)
        for person, bare in enumerate(people)
        if bare.from_s <= at <= bare.to_s + _LATE_S
    }
    near = {person: distance for person, distance in distances.items() if distance is not None}
    return sorted(near, key=lambda person: (near[person], people[person].to_s))


def _person(bare: Bare, start: Alert | None) -> dict[str, float | None]:
    raised_at_s = None if start is None else round(start.raised_at, 3)
    return {"from_s": bare.from_s, "to_s": bare.to_s, "raised_at_s": raised_at_s}


def _place(start: Alert) -> dict[str, Any]:
    return {"t_s": round(start.raised_at, 3), "box": [round(v, 1) for v in start.track.box]}


def in_sum(clips: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the sums over all clips: counts, latencies, and false starts per hour with their 95 % interval."""
    rows = list(clips)
    hours = sum(row["duration_s"] for row in rows) / 3600
    result: dict[str, Any] = {key: sum(row[key] for row in rows) for key in _COUNTS}
    low, high = interval(result["met"], result["expected"])
    per_hour = rate_interval(result["false"], hours)
    return {
        "duration_s": round(3600 * hours, 3),
        **result,
        "met_share": {
            "value": round(result["met"] / result["expected"], 4) if result["expected"] else None,
            "low": round(low, 4),
            "high": round(high, 4),
            "n": result["expected"],
        },
        "false_starts_per_hour": dict(zip(("value", "low", "high"), (round(v, 2) for v in per_hour), strict=True)),
        "latency_s": _latency([value for row in rows for value in row["latency_s"]]),
        "ends": dict(sum((Counter(row["ends"]) for row in rows), Counter())),
    }


def _latency(values: Sequence[float]) -> dict[str, float | None]:
    if not values:
        return {"median": None, "p95": None}
    median, p95 = np.quantile(values, (0.5, 0.95))
    return {"median": round(float(median), 3), "p95": round(float(p95), 3)}


def table(figures: dict[str, Any]) -> Table:
    """Return the figures as a table: a line for each clip, and the sum."""
    total = figures["sum"]
    hourly, late_s = total["false_starts_per_hour"], total["latency_s"]
    rate = f"{hourly['value']:.1f} false starts per hour (95 %: {hourly['low']:.0f} to {hourly['high']:.0f})"
    median, p95 = ("none" if value is None else f"{value:.2f} s" for value in late_s.values())
    result = Table(
        title=f"{figures['models']['face']['name']}: {rate}",
        caption=f"latency after the dwell time: median {median}, 95 % within {p95}",
    )
    for heading in ("clip", "s", *_COLUMNS):
        result.add_column(heading, justify="left" if heading == "clip" else "right", overflow="fold")
    for row in (*figures["clips"], total | {"file": "sum"}):
        result.add_row(row["file"], f"{row['duration_s']:.1f}", *(str(row[key]) for key in _COLUMNS))
    return result
