"""Tracking by motion: a face is matched to where a person's box is expected, by overlap first, then by nearness.

A new track is tentative until enough sure sightings have confirmed it, and nobody hears of it before: what a detector
takes for a face in one frame only is nobody.
Source: Blackman and Popoli, Design and analysis of modern tracking systems, 1999, section 6.2 (M of N initiation).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from edge.boxes import NEAR, match
from edge.data import Track

if TYPE_CHECKING:
    from edge.data import Box, Faces, Floats

_SMOOTHING = 0.5
"""Share of a new speed in the estimate; 0.5 follows a walker who turns within three frames."""
_WALK_WIDTHS_HZ, _FARTHEST_WIDTHS = 10.0, 3.0
"""Face widths per second of somebody who walks by: 1.6 m/s with a face 0.16 m wide; and how many at most between the
first two sightings, which is 0.3 s."""


@dataclass(frozen=True, slots=True)
class _Person:
    """A track, and the sure sightings in a row so far; its id is 0 while it is tentative."""

    track: Track
    hits: int = 0
    hit_at: float = -np.inf

    @property
    def is_confirmed(self) -> bool:
        return self.track.id > 0

    def seen(self, box: Box, face: int, at: float) -> _Person:
        elapsed_s = at - self.track.last_seen
        old, new = _centre(self.track.box), _centre(box)
        speed = self.track.speed
        if elapsed_s > 0:
            speed = tuple(  # type: ignore[assignment]
                (1 - _SMOOTHING) * before + _SMOOTHING * (there - here) / elapsed_s
                for before, here, there in zip(speed, old, new, strict=True)
            )
        return replace(self, track=replace(self.track, box=box, face=face, last_seen=at, speed=speed))

    def hit(self, at: float, max_pause_s: float) -> _Person:
        """Count a sure sighting; after a longer pause it is the first one again, and so is when the person was seen."""
        if at - self.hit_at <= max_pause_s:
            return replace(self, hits=self.hits + 1, hit_at=at)
        return replace(self, track=replace(self.track, first_seen=at), hits=1, hit_at=at)


class MotionTracker:
    """Tracker by boxes and speeds; it does not use appearance."""

    def __init__(self, *, min_iou: float, max_lost_s: float, min_hits: int = 1, min_score: float = 0.0) -> None:
        """Forget persons unseen for longer than `max_lost_s`.

        min_hits: sightings that confirm a track, each of at least `min_score`, and none more than `max_lost_s` after
        the last one.
        """
        self.adopt(min_iou=min_iou, max_lost_s=max_lost_s, min_hits=min_hits, min_score=min_score)
        self._persons: list[_Person] = []
        self._last_id = 0

    def adopt(self, *, min_iou: float, max_lost_s: float, min_hits: int, min_score: float) -> None:
        """Use other settings from now on, and keep the persons known so far."""
        self._min_iou, self._max_lost_s = min_iou, max_lost_s
        self._min_hits, self._min_score = min_hits, min_score

    def update(self, faces: Faces, at: float) -> tuple[Track, ...]:
        """Return one track per confirmed person, seen at `at` seconds or lost for at most `max_lost_s`."""
        known = [person for person in self._persons if at - person.track.last_seen <= self._max_lost_s]
        expected = np.array([person.track.expected(at) for person in known], np.float32).reshape(-1, 4)
        reach = np.array([_reach(person.track, at) for person in known], np.float32)
        pairs = dict(match(expected, faces.boxes, self._min_iou, reach))
        boxes = [_as_box(row) for row in faces.boxes]
        kept = [
            person.seen(boxes[pairs[i]], pairs[i], at) if i in pairs else replace(person, track=_unseen(person.track))
            for i, person in enumerate(known)
        ]
        taken = set(pairs.values())
        kept += [_newcomer(box, face, at) for face, box in enumerate(boxes) if face not in taken]
        self._persons = [self._counted(person, faces, at) for person in kept]
        return tuple(person.track for person in self._persons if person.is_confirmed)

    def _counted(self, person: _Person, faces: Faces, at: float) -> _Person:
        """Return a tentative person with this frame's sighting counted, and confirmed where it was the last needed."""
        face = person.track.face
        if person.is_confirmed or face is None or faces.scores[face] < self._min_score:
            return person
        person = person.hit(at, self._max_lost_s)
        if person.hits < self._min_hits:
            return person
        self._last_id += 1
        return replace(person, track=replace(person.track, id=self._last_id))


def _newcomer(box: Box, face: int, at: float) -> _Person:
    return _Person(Track(0, box, face, first_seen=at, last_seen=at))


def _reach(track: Track, at: float) -> float:
    """Return how many face widths from where it is expected a face may be: after one sighting, its speed is unknown."""
    if track.first_seen < track.last_seen:
        return float(NEAR)
    return max(float(NEAR), min(_WALK_WIDTHS_HZ * (at - track.last_seen), _FARTHEST_WIDTHS))


def _unseen(track: Track) -> Track:
    return replace(track, face=None)


def _centre(box: Box) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _as_box(row: Floats) -> Box:
    x1, y1, x2, y2 = (float(value) for value in row)
    return x1, y1, x2, y2
