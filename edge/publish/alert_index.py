"""The index of the outbox: which alerts it keeps, by key, and which it drops first; it holds no bodies."""

from __future__ import annotations

import threading
from collections import OrderedDict
from itertools import chain
from typing import TYPE_CHECKING

from edge.data import EventType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge.publish.store import Held

KEPT_S = 600.0
"""An acknowledged alert is sent again after a reconnect within this time: a killed broker may have lost it."""


class AlertIndex:
    """Keys that wait for an acknowledgement, were acknowledged lately, or are needed by a restart; for any thread.

    The number with each key is its place in the order of arrival. No operation takes time that grows with the number of
    keys, but for those that return them all.
    """

    def __init__(self, limit: int) -> None:
        """Keep at most `limit` keys."""
        self._limit = limit
        self._updates: OrderedDict[str, int] = OrderedDict()
        self._others: OrderedDict[str, int] = OrderedDict()
        self._acknowledged: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._held: OrderedDict[str, int] = OrderedDict()
        self._newest: dict[str, str] = {}
        self._released: list[str] = []
        self._lock = threading.RLock()
        self._first = 0
        self._arrived = 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._updates) + len(self._others) + len(self._acknowledged) + len(self._held)

    def __contains__(self, key: object) -> bool:
        return any(key in part for part in (self._updates, self._others, self._acknowledged, self._held))

    @property
    def waiting(self) -> int:
        """How many keys no broker has acknowledged yet."""
        return len(self._updates) + len(self._others)

    def waits(self, key: str) -> bool:
        """Return whether no broker has acknowledged a key yet."""
        return key in self._updates or key in self._others

    def add(self, key: str, event_type: str) -> None:
        """Add a key that waits; a known one stays as it is."""
        with self._lock:
            if key in self:
                return
            self._arrived += 1
            (self._updates if event_type == EventType.UPDATE.value else self._others)[key] = self._arrived
            event_id = _event_of(key)
            before = self._newest.pop(event_id, "")
            if event_type != EventType.END.value:
                self._newest[event_id] = key
            if self._held.pop(before, None) is not None:
                self._released.append(before)

    def acknowledge(self, key: str, at: float) -> bool:
        """Note that the broker acknowledged a key at `at`; return whether it is known."""
        with self._lock:
            for part in (self._updates, self._others, self._held):
                place = part.pop(key, None)
                if place is not None:
                    self._acknowledged[key] = (place, at)
                    return True
            if key not in self._acknowledged:
                return False
            self._acknowledged[key] = (self._acknowledged[key][0], at)
            self._acknowledged.move_to_end(key)
            return True

    def drop(self, key: str) -> None:
        """Remove a key; counted in `dropped` where it waited."""
        with self._lock:
            self.dropped += self.waits(key)
            for part in (self._updates, self._others, self._acknowledged, self._held):
                part.pop(key, None)
            if self._is_newest(key):
                del self._newest[_event_of(key)]

    def forget(self, now: float) -> list[str]:
        """Drop what was acknowledged long ago, then what is over the limit; return the keys that left.

        Over the limit, acknowledged keys go first, then updates, then the oldest. The newest key of an episode without
        an end stays until it has one, so that a restart can end the episode.
        """
        with self._lock:
            gone, self._released = self._released, []
            while self._acknowledged and next(iter(self._acknowledged.values()))[1] < now - KEPT_S:
                gone += self._settle_oldest()
            while len(self) > self._limit:
                gone += self._drop_least()
            return gone

    def unsettled(self, now: float) -> list[str]:
        """Return the keys that a new connection has to be sent, oldest first."""
        with self._lock:
            lately = ((key, place) for key, (place, at) in self._acknowledged.items() if at >= now - KEPT_S)
            places = dict(chain(self._updates.items(), self._others.items(), lately))
        return sorted(places, key=places.__getitem__)

    def put_before(self, earlier: Sequence[Held], at: float) -> list[str]:
        """Put what an earlier run kept, oldest first, before everything else.

        Return the newest keys of the episodes that it left open.  at: the time from which acknowledged keys count.
        """
        with self._lock:
            left_open: dict[str, str] = {}
            for held in earlier:
                left_open.pop(_event_of(held.key), None)
                if held.event_type != EventType.END.value:
                    left_open[_event_of(held.key)] = held.key
            for number, held in enumerate(reversed(earlier), 1):
                self._put_first(held, self._first - number, at)
            self._first -= len(earlier)
            self._newest = left_open | self._newest
            return list(left_open.values())

    def _put_first(self, held: Held, place: int, at: float) -> None:
        if held.acknowledged:
            self._acknowledged[held.key] = (place, at)
            self._acknowledged.move_to_end(held.key, last=False)
        else:
            part = self._updates if held.event_type == EventType.UPDATE.value else self._others
            part[held.key] = place
            part.move_to_end(held.key, last=False)

    def _settle_oldest(self) -> list[str]:
        """Remove the key that was acknowledged first, or hold it where a restart needs it; return it if it left."""
        key, (place, _) = self._acknowledged.popitem(last=False)
        if not self._is_newest(key):
            return [key]
        self._held[key] = place
        return []

    def _drop_least(self) -> list[str]:
        """Drop the least important key; return it, unless it has to be held."""
        if self._acknowledged:
            return self._settle_oldest()
        key = next(iter(self._updates or self._others or self._held))
        self.drop(key)
        return [key]

    def _is_newest(self, key: str) -> bool:
        return self._newest.get(_event_of(key)) == key


def _event_of(key: str) -> str:
    return key.rpartition(":")[0]
