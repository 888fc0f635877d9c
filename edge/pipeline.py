"""The walk of one frame, and the loop that walks them all."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from edge.data import Faces, Frame, Scene, Verdicts

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    from edge.capture import Source
    from edge.data import Alert, Floats, Gap, Track


class Sink(Protocol):
    """Takes walked scenes and does something with them."""

    def put(self, scene: Scene) -> None:
        """Take a scene and return at once: what may block happens on another thread or in another process."""
        ...


@dataclass(frozen=True, slots=True)
class Stages:
    """What is done to a frame, in order; each stage is a function of values only."""

    detect: Callable[[Frame], Faces]
    track: Callable[[Faces, float], tuple[Track, ...]]
    due: Callable[[Sequence[Track], float], tuple[int, ...]]
    classify: Callable[[Frame, Floats], Verdicts]
    vote: Callable[[Sequence[Track], Sequence[int], Verdicts, float], tuple[Track, ...]]
    measure: Callable[[Frame, Sequence[Track]], tuple[Track, ...]]
    judge: Callable[[Sequence[Track], float], tuple[Alert, ...]]
    episodes: Callable[[], tuple[Alert, ...]]
    close: Callable[[float], tuple[Alert, ...]]


def walk(frame: Frame, stages: Stages) -> Scene:
    """Return what is seen in a frame and what must be told of it."""
    faces = stages.detect(frame)
    tracks = stages.track(faces, frame.at)
    due = stages.due(tracks, frame.at)
    verdicts = stages.classify(frame, faces.boxes[faces_of(tracks, due)])
    tracks = stages.vote(tracks, due, verdicts, frame.at)
    tracks = stages.measure(frame, tracks)
    alerts = stages.judge(tracks, frame.at)
    return Scene(frame, faces, tracks, alerts, time.monotonic(), stages.episodes(), due, verdicts)


def faces_of(tracks: Sequence[Track], places: Sequence[int]) -> list[int]:
    """Return the rows in `Faces` of the tracks at some places, all of them visible."""
    return [face for place in places if (face := tracks[place].face) is not None]


def absent(at: float, stages: Stages) -> Scene:
    """Return the scene of a moment without a picture: nobody is seen, and episodes may end."""
    tracks = stages.vote(stages.track(Faces.none(), at), (), Verdicts.none(), at)
    alerts = stages.judge(tracks, at)
    return Scene(None, Faces.none(), tracks, alerts, time.monotonic(), stages.episodes())


def standing(last: Scene) -> Scene:
    """Return the scene of a moment in which no time passes: nobody is seen, and no episode begins or ends."""
    tracks = tuple(replace(track, face=None) for track in last.tracks)
    return Scene(None, Faces.none(), tracks, (), time.monotonic(), last.episodes)


def ended(at: float, stages: Stages) -> Scene:
    """Return the last scene: nobody is seen any more, and every open episode ends."""
    return Scene(None, Faces.none(), (), stages.close(at), time.monotonic())


def run(
    source: Source, stages: Stages, sinks: Sequence[Sink], *, stop: threading.Event, beat: Callable[[], None]
) -> None:
    """Walk the frames of `source` into the sinks until it ends or `stop` is set; `beat` follows each step."""
    at, scene = 0.0, Scene(None, Faces.none(), (), (), time.monotonic())
    try:
        for moment in source:
            if stop.is_set():
                break
            scene = _next(moment, at, scene, stages)
            at = moment.at
            _put(scene, sinks)
            beat()
    finally:
        _put(ended(at, stages), sinks)


def _next(moment: Frame | Gap, at: float, last: Scene, stages: Stages) -> Scene:
    """Return the scene that follows `last` at `at` seconds; a source whose clock stands gives the same `at` again."""
    if isinstance(moment, Frame):
        return walk(moment, stages)
    return absent(moment.at, stages) if moment.at > at else standing(last)


def _put(scene: Scene, sinks: Sequence[Sink]) -> None:
    for sink in sinks:
        sink.put(scene)
