"""What is told of people beside alerts: who is there now, or only shares of many over a long time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from edge.counts import Entries
from edge.publish.message import Message, face_counts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge.data import Scene
    from edge.publish.aggregate import AggregateCounter
    from edge.publish.message import Sender


class People(Protocol):
    """One way to tell of people."""

    def first(self) -> Sequence[Message]:
        """Return what is told before the first scene."""
        ...

    def tell(self, scene: Scene, *, due: bool) -> Sequence[Message]:
        """Return what a scene changes; `due` when the time for counts has come."""
        ...


class Presence:
    """Tells at once whether anybody is without a mask, and from time to time who is there and who came today."""

    def __init__(self, sender: Sender, *, interval_s: float) -> None:
        """Tell counts every `interval_s`."""
        self.adopt(sender, interval_s=interval_s)
        self._entries, self._unmasked = Entries(), False

    def adopt(self, sender: Sender, *, interval_s: float) -> None:
        """Go on with the counts so far, by other settings."""
        self._sender, self._interval_s = sender, interval_s

    def first(self) -> Sequence[Message]:
        """Return that nobody is without a mask."""
        return [self._sender.unmasked(on=False)]

    def tell(self, scene: Scene, *, due: bool) -> Sequence[Message]:
        """Return `unmasked` when it changes, and `count` when it is due."""
        told = [] if scene.unmasked == self._unmasked else [self._sender.unmasked(on=scene.unmasked)]
        self._unmasked = scene.unmasked
        entries = self._entries.count(scene, self._sender.clock.today())
        if due:
            told.append(self._sender.count(face_counts(scene.visible), entries, self._interval_s))
        return told


class Shares:
    """Tells shares of many people over long intervals, and nothing else."""

    def __init__(self, sender: Sender, taker: AggregateCounter) -> None:
        """Tell what `taker` counted."""
        self.adopt(sender)
        self._taker = taker

    def adopt(self, sender: Sender) -> None:
        """Go on with the interval that has begun, by other settings."""
        self._sender = sender

    def first(self) -> Sequence[Message]:
        """Return the removal of what an earlier run in another mode has left at the broker."""
        topics = {"unmasked": 1, "count": 0}
        return [Message(self._sender.camera_topic(name), b"", qos, retain=True) for name, qos in topics.items()]

    def tell(self, scene: Scene, *, due: bool) -> Sequence[Message]:  # noqa: ARG002 - the census has its own time
        """Return the census of an interval when it has ended."""
        census = self._taker.take(scene)
        return [self._sender.aggregate(census)] if census else []
