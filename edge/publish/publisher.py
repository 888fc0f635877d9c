"""The sink that turns scenes into messages: alerts through the outbox, state at once and again on every connection."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from edge.publish.counts import Entries
from edge.publish.message import face_counts
from edge.publish.mqtt import MqttLink

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.data import Scene
    from edge.publish.broker import Broker
    from edge.publish.message import AlertMessage, Message, Sender
    from edge.publish.outbox import Outbox
    from edge.tflite import ModelSpec


_FLUSH_S = 1.0


class Publisher:
    """Sink on a broker that may be away for as long as it likes."""

    def __init__(
        self,
        broker: Broker,
        sender: Sender,
        outbox: Outbox,
        models: dict[str, ModelSpec],
        *,
        stats_s: float,
        stats: Callable[[], dict[str, Any]],
    ) -> None:
        """Join sender, outbox and link; nothing is opened before `start`."""
        self._sender, self._outbox, self._model = sender, outbox, models["mask"]
        self._stats_s, self._stats = stats_s, stats
        self._entries = Entries()
        self._unmasked = False
        self._next_stats_at = 0.0
        self._lock = threading.Lock()
        self._retained: dict[str, Message] = {}
        for message in (sender.online(online=True), sender.info(models), sender.unmasked(on=False)):
            self._retained[message.topic] = message
        self._link = MqttLink(
            broker, will=sender.online(online=False), greeting=self._greeting, on_acknowledged=outbox.acknowledge
        )

    @property
    def state(self) -> str:
        """How the connection stands."""
        return self._link.state

    def start(self) -> None:
        """Connect in the background."""
        for alert in self._outbox.start(self._deliver):
            self._outbox.add(self._sender.restarted(alert))
        self._link.start()

    def put(self, scene: Scene) -> None:
        """Send what a scene brings; return at once."""
        for alert in scene.alerts:
            self._outbox.add(self._sender.alert(alert, scene, self._model))
        if scene.unmasked != self._unmasked:
            self._unmasked = scene.unmasked
            self._state(self._sender.unmasked(on=scene.unmasked))
        entries = self._entries.count(scene, self._sender.clock.today())
        if time.monotonic() >= self._next_stats_at:
            self._next_stats_at = time.monotonic() + self._stats_s
            self._state(self._sender.count(face_counts(scene.visible), entries, self._stats_s))
            self._link.send(self._sender.stats(self._vitals(), self._stats_s))

    def close(self) -> None:
        """Say `offline`, have it acknowledged, and disconnect."""
        self._outbox.flush(_FLUSH_S)
        self._link.close(self._sender.online(online=False))
        self._outbox.close()

    def _deliver(self, alert: AlertMessage) -> None:
        """Hand a committed alert to the link."""
        self._link.send(alert.now(self._sender.clock), alert.key)

    def _vitals(self) -> dict[str, Any]:
        broker = {"connections": self._link.connections, "last_trouble": self._link.trouble}
        outbox = {"waiting": self._outbox.waiting, "dropped": self._outbox.dropped, "state": self._outbox.state}
        return self._stats() | {"outbox": outbox, "broker": broker}

    def _state(self, message: Message) -> None:
        """Send a retained message, and again on every connection."""
        with self._lock:
            self._retained[message.topic] = message
        self._link.send(message)

    def _greeting(self) -> list[tuple[str, Message]]:
        """Return what a new connection must hear: state first, then the alerts that may not have arrived."""
        with self._lock:
            state = [("", message) for message in self._retained.values()]
        return state + [(alert.key, alert.now(self._sender.clock)) for alert in self._outbox.unsettled()]
