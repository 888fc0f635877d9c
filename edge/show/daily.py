"""What the web page shows next to the image: the alerts of a day, the counts since midnight, the service's status.

It is kept in memory only, and contains no images, no boxes and nothing else about a person.
"""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge.clock import utc
from edge.counts import Entries
from edge.data import CLASSES, EventType, Mask
from edge.publish.message import DAY_S, face_counts

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from edge.clock import Clock
    from edge.data import Alert, Scene

_EPISODES = 50
STEP_MIN = 10
"""Minutes of one step, in which entries are counted together."""
_STEPS = 24 * 60 // STEP_MIN
_COMMITTED_S = 2.0
"""After this long the outbox has committed an alert, and knows whether it is waiting."""
_CONNECT_S = 10.0
"""A broker that is not connected after this long is a problem, also where the link has no reason yet."""
_ONLINE, _NOT_STARTED = "online", "not started"


@dataclass(slots=True)
class _Episode:
    """An episode, by its newest alert; times are seconds on the monotonic clock of the process."""

    alert: Alert
    label: Mask
    opened_at: float
    updated_at: float
    waiting: bool = True
    delayed: bool = False


@dataclass(frozen=True, slots=True)
class Sources:
    """What the log reads.

    fixed: parts of the page that do not change.  state: the status of the service.
    is_waiting: whether the alert with a key "EVENT_ID:SEQ" is still waiting for the broker.
    expires_s: age from which a waiting alert counts as delayed.
    drift: what is published of drift; None: it is not watched.
    """

    fixed: dict[str, Any]
    state: Callable[[], dict[str, Any]]
    is_waiting: Callable[[str], bool]
    expires_s: float
    drift: Callable[[], dict[str, Any] | None] = lambda: None


class DailyLog:
    """Sink that keeps the newest episodes and the counts of today; `version` changes with every alert."""

    def __init__(self, sources: Sources, clock: Clock) -> None:
        """Start without alerts and counts."""
        self._sources = sources
        self._clock = clock
        self._started_at = clock.monotonic()
        self._episodes: OrderedDict[str, _Episode] = OrderedDict()
        self._entries = Entries()
        self._today: date | None = None
        self._totals: dict[str, int] = {}
        self._steps: dict[str, list[int]] = {}
        self._seen: dict[str, Any] = {"faces": face_counts(()), "unmasked": False}
        self.version = 0

    def adopt(self, sources: Sources) -> None:
        """Continue the day with the sources of other settings."""
        self._sources = sources
        self.version += 1

    def put(self, scene: Scene) -> None:
        """Record the alerts, entries and faces of a scene."""
        for alert in scene.alerts:
            self._record(alert, scene.decided_at)
        self._count(scene)
        self._update_delivery()
        self._seen = {"faces": face_counts(scene.visible), "unmasked": scene.unmasked}

    def compose(self) -> bytes:
        """Return a JSON object whose members are the parts of the page."""
        now = self._clock.monotonic()
        head = {"since": utc(self._clock.wall_of(self._started_at)), "most_alerts": _EPISODES}
        state = {"t": utc(self._clock.wall()), **self._seen, **self._with_broker(self._sources.state())}
        recent = [e for e in self._episodes.values() if now - e.opened_at < DAY_S]
        alerts = [self._describe(episode) for episode in reversed(recent)]
        counts = {"step_min": STEP_MIN, "known_from": self._known_from(), "now": self._step(), **self._steps}
        parts = {"since": head, **self._sources.fixed, "state": state, "alerts": alerts, "counts": counts}
        parts["drift"] = self._sources.drift()
        return json.dumps(parts, separators=(",", ":"), allow_nan=False).encode()

    def _record(self, alert: Alert, decided_at: float) -> None:
        """Keep an alert as the newest of its episode."""
        known = self._episodes.get(alert.event_id)
        opened_at = known.opened_at if known else decided_at - (alert.raised_at - alert.since)
        delayed = bool(known and known.delayed)
        self._episodes[alert.event_id] = _Episode(alert, alert.episode, opened_at, decided_at, delayed=delayed)
        while len(self._episodes) > _EPISODES:
            self._episodes.popitem(last=False)
        self.version += 1

    def _update_delivery(self) -> None:
        """Update which alerts are still waiting in the outbox, and which of them have expired."""
        now = self._clock.monotonic()
        for episode in self._episodes.values():
            if episode.waiting and now - episode.updated_at > _COMMITTED_S:
                episode.waiting = self._sources.is_waiting(f"{episode.alert.event_id}:{episode.alert.seq}")
                episode.delayed |= episode.waiting and now - episode.updated_at > self._sources.expires_s

    def _count(self, scene: Scene) -> None:
        """Add the people who entered to the current step."""
        today, step = self._clock.today(), self._step()
        if today != self._today:
            self._today = today
            self._totals = {}
            self._steps = {mask.value: [0] * _STEPS for mask in CLASSES}
        for label, total in self._entries.count(scene, today).items():
            self._steps[label][step] += total - self._totals.get(label, 0)
            self._totals[label] = total

    def _step(self) -> int:
        return _step_of(time.localtime(max(self._clock.wall(), 0)))

    def _known_from(self) -> int:
        """Return the first step of today that was counted: counts from before the start are unknown, not 0."""
        start = time.localtime(max(self._clock.wall_of(self._started_at), 0))
        return _step_of(start) if start[:3] == self._clock.today().timetuple()[:3] else 0

    def _with_broker(self, state: dict[str, Any]) -> dict[str, Any]:
        """Return a state that lists a broker without connection as a problem: alerts do not arrive then."""
        broker = state.get("broker", _ONLINE)
        is_starting = broker == _NOT_STARTED and self._clock.monotonic() - self._started_at < _CONNECT_S
        if broker == _ONLINE or is_starting:
            return state
        waiting = state.get("waiting", 0)
        text = broker + (f"; alerts waiting: {waiting}" if waiting else "")
        return state | {"problems": {"broker": text, **state.get("problems", {})}}

    def _describe(self, episode: _Episode) -> dict[str, Any]:
        alert = episode.alert
        ended = alert.event_type is EventType.END
        return {
            "id": alert.event_id,
            "label": episode.label.value,
            "opened": utc(self._clock.wall_of(episode.opened_at)),
            "duration_s": round(alert.raised_at - alert.since, 1) if ended else None,
            "reason": alert.reason.value if alert.reason else None,
            "waiting": episode.waiting and self._clock.monotonic() - episode.updated_at > _COMMITTED_S,
            "delayed": episode.delayed,
        }


def _step_of(local: time.struct_time) -> int:
    return (local.tm_hour * 60 + local.tm_min) // STEP_MIN
