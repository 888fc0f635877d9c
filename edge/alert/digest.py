"""The episodes of a source in frames, and their digest: whether two runs over one clip found the same."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.data import EventType

if TYPE_CHECKING:
    from edge.data import Alert, Reason, Scene


@dataclass(frozen=True, slots=True)
class Episode:
    """An episode without ids, wall time and numbers that depend on rounding.

    person: place of its track among the tracks with an episode, in the order in which they first had one.
    first, last: numbers of the frames in which it opened and ended; it ends after the last frame in the number after.
    labels: the label that opened it, then each that an update brought.
    """

    person: int
    first: int
    last: int
    labels: tuple[str, ...]
    reason: str


class EpisodeRecord:
    """Sink that keeps the episodes of a source that ends, in the order in which they opened."""

    def __init__(self) -> None:
        """Start without episodes."""
        self._frame = -1
        self._people: dict[int, int] = {}
        self._open: dict[str, tuple[int, int, list[str]]] = {}
        self._ended: dict[str, Episode] = {}

    def put(self, scene: Scene) -> None:
        """Take the alerts of a scene."""
        frame = scene.frame.seq if scene.frame else self._frame + 1
        for alert in scene.alerts:
            self._take(alert, frame)
        self._frame = scene.frame.seq if scene.frame else self._frame

    def _take(self, alert: Alert, frame: int) -> None:
        if alert.event_type is EventType.START:
            person = self._people.setdefault(alert.track.id, len(self._people))
            self._open[alert.event_id] = (person, frame, [alert.episode.value])
            return
        person, first, labels = self._open[alert.event_id]
        label = alert.track.mask.value
        if alert.event_type is EventType.UPDATE:
            labels += [label] if label != labels[-1] else []
        else:
            self._ended[alert.event_id] = Episode(person, first, frame, tuple(labels), _name(alert.reason))

    @property
    def episodes(self) -> tuple[Episode, ...]:
        """The episodes that have ended, in the order in which they opened."""
        return tuple(self._ended[event_id] for event_id in self._open if event_id in self._ended)

    def digest(self) -> str:
        """Return the SHA-256 of the episodes, in hexadecimal."""
        return digest_of(self.episodes)


def digest_of(episodes: tuple[Episode, ...]) -> str:
    """Return the SHA-256 of episodes in their order, in hexadecimal."""
    rows = [[e.person, e.first, e.last, list(e.labels), e.reason] for e in episodes]
    return hashlib.sha256(json.dumps(rows, separators=(",", ":")).encode()).hexdigest()


def digest_line(source: str, digest: str) -> str:
    """Return the line that commands print of a video."""
    return f"digest {digest} {source}"


def _name(reason: Reason | None) -> str:
    return reason.value if reason else ""
