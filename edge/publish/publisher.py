"""The sink that turns scenes into messages: alerts through the outbox, state at once and again on every connection."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from edge.publish.message import WITHDRAWN
from edge.publish.mqtt import MqttLink
from edge.publish.notices import notice
from edge.publish.practice import practice_alert
from edge.publish.remote import Remote, Wishes

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.data import Scene
    from edge.publish.broker import Broker
    from edge.publish.message import AlertMessage, Message, Sender
    from edge.publish.people import People
    from edge.report import Report
    from edge.tflite import ModelSpec


_FLUSH_S = 1.0


class Publisher:
    """Sink on a broker that may be away for as long as it likes."""

    def __init__(
        self,
        broker: Broker,
        sender: Sender,
        report: Report,
        models: dict[str, ModelSpec],
        people: People,
        *,
        stats_s: float,
        wishes: Wishes | None = None,
        snapshot: Callable[[], bytes] | None = None,
    ) -> None:
        """Join sender, outbox and link; nothing is opened before `start`.

        wishes: what others may say to us; None: nothing.
        snapshot: returns at once the newest picture as JPEG, made unrecognisable, or nothing; None: no picture is sent.
        """
        self.broker = broker
        self._sender, self._report, self._outbox = sender, report, report.outbox
        self._model, self._stats_s = models["mask"], stats_s
        self._told: dict[str, str] = {}
        self._people = people
        self._next_stats_at = 0.0
        self._lock = threading.Lock()
        self._retained: dict[str, Message] = {}
        wishes = wishes or Wishes()
        self._states, self._snapshot, self._announced = wishes.states, snapshot, wishes.announced
        self._remote = self._listen(wishes)
        first = (sender.online(online=True), sender.info(models), sender.models_in_force(models))
        for message in (*first, *people.first(), *self._remote.retained):
            self._retained[message.topic] = message
        self._link = MqttLink(
            broker,
            will=sender.online(online=False),
            greeting=self._greeting,
            on_acknowledged=self._acknowledge,
            subscriptions=self._remote.topics,
            on_message=self._remote.receive,
        )

    @property
    def state(self) -> str:
        """How the connection stands."""
        return self._link.state

    def start(self) -> None:
        """Connect in the background."""
        self._outbox.start(self._deliver, self._sender.restarted)
        self._link.start()

    def put(self, scene: Scene) -> None:
        """Send what a scene brings; return at once.

        Raises:
            ThreadStuck: a thread that carries alerts has ended, so only a restart of the process mends it.
        """
        self._outbox.check()
        self._link.check()
        for alert in scene.alerts:
            self._outbox.add(self._sender.alert(alert, scene, self._model))
        self._tell_problems(self._report.problems())
        self._tell_states(self._states())
        due = time.monotonic() >= self._next_stats_at
        for message in self._people.tell(scene, due=due):
            self._state(message)
        if due:
            self._next_stats_at = time.monotonic() + self._stats_s
            self._link.send(self._sender.stats(self._vitals(), self._stats_s))
            self._send_snapshot()

    def _tell_problems(self, problems: dict[str, str]) -> None:
        """Send what changed: every problem by name, empty ones cleared; camera and lens together are its health."""
        changed = {name: text for name, text in problems.items() if self._told.get(name) != text}
        for name, text in changed.items():
            self._state(self._sender.problem(name, text))
        if changed.keys() & {"camera", "lens"}:
            worst = problems["camera"] or problems["lens"] or "ok"
            state, _, detail = worst.partition(": ")
            self._state(self._sender.health(state, detail))
        self._told |= problems

    def _tell_states(self, states: dict[str, str]) -> None:
        """Send what changed of the things that can be set."""
        for key, text in states.items():
            if self._told.get(f"{key}/state") != text:
                self._told[f"{key}/state"] = text
                self._state(self._sender.setting(key, text))

    def _send_snapshot(self) -> None:
        jpeg = self._snapshot() if self._snapshot else b""
        if jpeg:
            self._link.send(self._sender.snapshot(jpeg))

    def _listen(self, wishes: Wishes) -> Remote:
        """Return what listens to others; where commands are taken at all, a test alert is one of them."""
        practise = {"test_alert": lambda _press: self._say(practice_alert(self._sender, self._model))}
        allowed = replace(wishes, effects={**wishes.effects, **practise}) if wishes.effects else wishes
        return Remote(self._sender, allowed, self._say, snapshot=self._snapshot is not None)

    def _say(self, message: Message) -> None:
        """Send what is no state."""
        self._link.send(message)

    def tell_signs(self, state: str, phrase: str, language: str) -> None:
        """Tell other signs what the people nearby are told now; dropped while there is no broker."""
        self._link.send(notice(self._sender, state, phrase, language))

    def close(self) -> None:
        """Say `offline`, have it acknowledged, and disconnect."""
        self._outbox.flush(_FLUSH_S)
        self._link.close(self._sender.online(online=False))
        self._outbox.close()

    def _acknowledge(self, key: str) -> None:
        """Take note of what the broker has."""
        if key.startswith(WITHDRAWN):
            self._announced.settle(key)
        else:
            self._outbox.acknowledge(key)

    def _deliver(self, alert: AlertMessage) -> None:
        """Hand a committed alert to the link."""
        self._link.send(alert.now(self._sender.clock), alert.key)

    def _vitals(self) -> dict[str, Any]:
        broker = {"connections": self._link.connections, "last_trouble": self._link.trouble}
        outbox = {"waiting": self._outbox.waiting, "dropped": self._outbox.dropped, "state": self._outbox.state}
        commands = {"taken": self._remote.commands.taken, "refused": self._remote.commands.refused}
        return self._report.stats() | {"outbox": outbox, "broker": broker, "commands": commands}

    def _state(self, message: Message) -> None:
        """Send a retained message, and again on every connection."""
        with self._lock:
            self._retained[message.topic] = message
        self._link.send(message)

    def _greeting(self) -> list[tuple[str, Message]]:
        """Return what a new connection must hear: state first, then the alerts that may not have arrived."""
        with self._lock:
            state = [("", message) for message in self._retained.values()]
        state = self._announced.withdrawals() + state
        return state + [(alert.key, alert.now(self._sender.clock)) for alert in self._outbox.unsettled()]
