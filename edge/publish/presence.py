"""What is published of people apart from alerts: who is visible now, or only shares of many over a long interval."""

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
    """One way to publish numbers of people."""

    aggregate: bool
    """Whether only shares of many people are published."""

    def opening(self) -> Sequence[Message]:
        """Return what is published before the first scene."""
        ...

    def messages(self, scene: Scene, *, due: bool) -> Sequence[Message]:
        """Return what a scene changes; `due`: the interval between two counts has passed."""
        ...


class Presence:
    """Publishes at once whether anybody is without a mask, and at intervals who is visible and who came today."""

    aggregate = False

    def __init__(self, sender: Sender, *, interval_s: float) -> None:
        """Publish counts every `interval_s`."""
        self.adopt(sender, interval_s=interval_s)
        self._entries = Entries()
        self._unmasked = False

    def adopt(self, sender: Sender, *, interval_s: float) -> None:
        """Continue with the counts so far, under other settings."""
        self._sender = sender
        self._interval_s = interval_s

    def opening(self) -> Sequence[Message]:
        """Return that nobody is without a mask."""
        return [self._sender.unmasked(on=False)]

    def messages(self, scene: Scene, *, due: bool) -> Sequence[Message]:
        """Return `unmasked` when it changes, and `count` when it is due."""
        changed = [] if scene.unmasked == self._unmasked else [self._sender.unmasked(on=scene.unmasked)]
        self._unmasked = scene.unmasked
        entries = self._entries.count(scene, self._sender.clock.today())
        if not due:
            return changed
        return [*changed, self._sender.count(face_counts(scene.visible), entries, self._interval_s)]


class Shares:
    """Publishes shares of many people over long intervals, and nothing else."""

    aggregate = True

    def __init__(self, sender: Sender, counter: AggregateCounter) -> None:
        """Publish what `counter` counts."""
        self.adopt(sender)
        self._counter = counter

    def adopt(self, sender: Sender) -> None:
        """Continue with the interval that has begun, under other settings."""
        self._sender = sender

    def opening(self) -> Sequence[Message]:
        """Return the removal of what an earlier run in another mode left at the broker."""
        topics = {"unmasked": 1, "count": 0}
        return [Message(self._sender.camera_topic(name), b"", qos, retain=True) for name, qos in topics.items()]

    def messages(self, scene: Scene, *, due: bool) -> Sequence[Message]:  # noqa: ARG002 - the counter has its interval
        """Return the shares of an interval that has ended."""
        counts = self._counter.take(scene)
        return [self._sender.aggregate(counts)] if counts else []
