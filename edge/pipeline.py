"""The walk of one frame through the stages, and the loop over all frames."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from edge.data import Faces, Frame, Scene, StageTimes, Verdicts

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Sequence

    from edge.capture import Source
    from edge.data import Alert, Gap, Notice, Track


class Sink(Protocol):
    """Takes walked scenes; everything it needs of a frame stands on the scene."""

    def put(self, scene: Scene) -> None:
        """Take a scene and return at once: what may block happens on another thread or in another process."""
        ...


def always(_frame: Frame, _last: Scene) -> bool:
    """Select every frame."""
    return True


@dataclass(frozen=True, slots=True)
class Stages:
    """What is done to a frame, in order; each stage is a function of values only.

    selects: whether faces are detected in a frame, given the scene of the last selected one; the others are skipped.
    """

    detect: Callable[[Frame], Faces]
    track: Callable[[Faces, float], tuple[Track, ...]]
    due: Callable[[Sequence[Track], float], tuple[int, ...]]
    mirrored: Callable[[Sequence[Track], Sequence[int]], tuple[bool, ...]]
    classify: Callable[[Frame, Faces, Sequence[bool]], Verdicts]
    vote: Callable[[Sequence[Track], Sequence[int], Verdicts, float], tuple[Track, ...]]
    measure: Callable[[Frame, Sequence[Track]], tuple[Track, ...]]
    judge: Callable[[Sequence[Track], float], tuple[Alert, ...]]
    episodes: Callable[[], tuple[Alert, ...]]
    close: Callable[[float], tuple[Alert, ...]]
    notify: Callable[[Scene], Notice]
    withdraw: Callable[[], Notice]
    selects: Callable[[Frame, Scene], bool] = always


def walk(frame: Frame, stages: Stages) -> Scene:
    """Return what is seen in a frame, and the alerts and the notice that follow from it."""
    watch = _Stopwatch()
    faces = stages.detect(frame)
    detect_s = watch.lap_s()
    tracks = stages.track(faces, frame.at)
    due = stages.due(tracks, frame.at)
    turned = stages.mirrored(tracks, due)
    verdicts = stages.classify(frame, faces.take(faces_of(tracks, due)), turned)
    classify_s = watch.lap_s()
    voted = stages.vote(tracks, due, verdicts, frame.at)
    places, rows = _remaining(tracks, due, voted)
    mirrored = frozenset(place for place, row in enumerate(rows) if turned[row])
    vote_s = watch.lap_s()
    tracks = stages.measure(frame, voted)
    alerts = stages.judge(tracks, frame.at)
    times = StageTimes(frame.capture_s, watch.began_at - frame.read_at, detect_s, classify_s, vote_s, watch.lap_s())
    offset_s = frame.read_at - frame.at
    scene = Scene(frame, faces, tracks, alerts, watch.at, stages.episodes(), places, verdicts.take(rows), offset_s)
    scene = replace(scene, times=times, mirrored=mirrored)
    return replace(scene, notice=stages.notify(scene))


class _Stopwatch:
    """Times one stage after another, s on the process's monotonic clock."""

    def __init__(self) -> None:
        self.began_at = self.at = time.monotonic()

    def lap_s(self) -> float:
        """Return the time since the last call."""
        before, self.at = self.at, time.monotonic()
        return self.at - before


def skipped(frame: Frame, last: Scene, stages: Stages) -> Scene:
    """Return the scene of a skipped frame: that of the last selected one, its people moved on by their speed.

    No episode begins, changes or ends in it.
    """
    tracks = tuple(replace(track, box=track.expected(frame.at)) for track in last.tracks)
    scene = replace(last, frame=frame, tracks=tracks, alerts=(), classified=(), verdicts=Verdicts.none())
    scene = replace(scene, decided_at=time.monotonic(), skipped=True, times=None, mirrored=frozenset())
    return replace(scene, notice=stages.notify(scene))


def _remaining(
    tracks: Sequence[Track], due: Sequence[int], voted: Sequence[Track]
) -> tuple[tuple[int, ...], list[int]]:
    """Return the places in `voted` of the tracks at `due`, and their rows in `due`; what is no face is left out."""
    places = {track.id: place for place, track in enumerate(voted)}
    rows = [row for row, place in enumerate(due) if tracks[place].id in places]
    return tuple(places[tracks[due[row]].id] for row in rows), rows


def faces_of(tracks: Sequence[Track], places: Sequence[int]) -> list[int]:
    """Return the rows in `Faces` of the tracks at some places, all of them visible."""
    return [face for place in places if (face := tracks[place].face) is not None]


def absent(at: float, stages: Stages) -> Scene:
    """Return the scene of a moment without a frame: nobody is seen, and episodes may end."""
    tracks = stages.vote(stages.track(Faces.none(), at), (), Verdicts.none(), at)
    alerts = stages.judge(tracks, at)
    scene = Scene(None, Faces.none(), tracks, alerts, time.monotonic(), stages.episodes())
    return replace(scene, notice=stages.notify(scene))


def standing(last: Scene, stages: Stages) -> Scene:
    """Return the scene of a moment in which no time passes: nobody is seen, and no episode begins or ends."""
    tracks = tuple(replace(track, face=None, position=None) for track in last.tracks)
    scene = Scene(None, Faces.none(), tracks, (), time.monotonic(), last.episodes)
    return replace(scene, notice=stages.notify(scene))


def ended(at: float, stages: Stages) -> Scene:
    """Return the last scene: nobody is seen any more, every open episode ends, and so does the notice."""
    alerts = stages.close(at)
    return Scene(None, Faces.none(), (), alerts, time.monotonic(), notice=stages.withdraw())


@dataclass(frozen=True, slots=True)
class Parts:
    """What a run consists of, in the order of a frame."""

    source: Source
    stages: Stages
    sinks: Sequence[Sink]


class Loop:
    """Walks one frame after another; its parts may be exchanged between two of them."""

    def __init__(self, parts: Parts) -> None:
        """Begin with `parts`; nothing is read before the first step."""
        self._parts = parts
        self._moments = iter(parts.source)
        self._at = 0.0
        self._scene = self._selected = _nobody()

    def step(self) -> bool:
        """Walk the next moment of the source into the sinks; return False where it has ended."""
        moment = next(self._moments, None)
        if moment is None:
            return False
        self._scene = self._next(moment)
        self._at = moment.at
        if not self._scene.skipped:
            self._selected = self._scene
        _put(self._scene, self._parts.sinks)
        return True

    def _next(self, moment: Frame | Gap) -> Scene:
        """Return the scene of the next moment; a source whose clock has stopped gives the same `at`."""
        stages = self._parts.stages
        if isinstance(moment, Frame):
            selected = stages.selects(moment, self._selected)
            return walk(moment, stages) if selected else skipped(moment, self._selected, stages)
        scene = absent(moment.at, stages) if moment.at > self._at else standing(self._selected, stages)
        return replace(scene, offset_s=self._scene.offset_s)

    def exchange(self, parts: Parts) -> None:
        """Go on with `parts` from the next frame; a source that stays is not started anew."""
        if parts.source is not self._parts.source:
            self._moments = iter(parts.source)
        self._parts = parts

    def end(self) -> None:
        """End every open episode and the notice; anybody in a later frame is somebody new."""
        last = ended(self._at, self._parts.stages)
        _put(replace(last, offset_s=self._scene.offset_s), self._parts.sinks)
        self._at = 0.0
        self._scene = self._selected = _nobody()


def run(
    source: Source, stages: Stages, sinks: Sequence[Sink], *, stop: threading.Event, beat: Callable[[], None]
) -> None:
    """Walk the frames of `source` into the sinks until it ends or `stop` is set; `beat` follows each step."""
    loop = Loop(Parts(source, stages, sinks))
    try:
        while not stop.is_set() and loop.step():
            beat()
    finally:
        loop.end()


def scenes(source: Source, stages: Stages) -> Iterator[Scene]:
    """Yield the scene of each moment of `source`, and after its end the one in which every open episode ends."""
    newest = _Newest()
    loop = Loop(Parts(source, stages, [newest]))
    while loop.step():
        yield newest.scene
    loop.end()
    yield newest.scene


class _Newest:
    """Sink that keeps the newest scene."""

    def __init__(self) -> None:
        self.scene = _nobody()

    def put(self, scene: Scene) -> None:
        self.scene = scene


def _nobody() -> Scene:
    return Scene(None, Faces.none(), (), (), time.monotonic())


def _put(scene: Scene, sinks: Sequence[Sink]) -> None:
    for sink in sinks:
        sink.put(scene)
