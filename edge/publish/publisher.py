"""The sink that turns scenes into messages: alerts through the outbox, state at once and again on every connection."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from edge.publish.message import WITHDRAWN
from edge.publish.mqtt import MqttLink
from edge.publish.notices import notice
from edge.publish.remote_commands import Remote, RemoteCommands
from edge.publish.test_alert import build_test_alert

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from edge.data import Scene
    from edge.monitor.status import StatusReport
    from edge.publish.broker import Broker
    from edge.publish.message import AlertMessage, Message, Sender
    from edge.publish.outbox import Outbox
    from edge.publish.presence import People
    from edge.tflite import ModelSpec


_FLUSH_S = 1.0


@dataclass(frozen=True, slots=True)
class Terms:
    """What settings make of a publisher.

    wishes: what others may say to us; as it comes, nothing.
    snapshot: returns at once the newest picture as JPEG, made unrecognisable, or nothing; None: no picture is sent.
    """

    broker: Broker
    sender: Sender
    report: StatusReport
    models: dict[str, ModelSpec]
    people: People
    stats_s: float
    wishes: RemoteCommands = field(default_factory=RemoteCommands)
    snapshot: Callable[[], bytes] | None = None

    def will(self) -> Message:
        """Return the last word, which is also the last will."""
        return self.sender.online(online=False)


class Publisher:
    """Sink on a broker that may be away for as long as it likes."""

    def __init__(self, terms: Terms) -> None:
        """Join sender, outbox and link; nothing is opened before `start`."""
        self._terms, self._outbox = terms, terms.report.outbox
        self._told: dict[str, str] = {}
        self._leaving = False
        self._next_stats_at = 0.0
        self._lock = threading.Lock()
        self._retained: dict[str, Message] = {}
        self._remote = self._listen()
        for message in (*self._first(), *terms.people.first()):
            self._retained[message.topic] = message
        self._link = self._new_link()

    def adopt(self, terms: Terms) -> None:
        """Go on by other settings; the connection stays where broker, will and subscriptions do."""
        before, topics = self._terms, self._remote.topics
        self._terms = terms
        self._remote = self._listen()
        self._use(terms.report.outbox)
        first = [*self._first(before), *(terms.people.first() if terms.people is not before.people else ())]
        if (terms.broker, terms.will(), self._remote.topics) == (before.broker, before.will(), topics):
            self._withdraw()
            for message in first:
                if self._retained.get(message.topic) != message:
                    self._state(message)
            return
        self._leave(before)
        self._renew(first, moved=terms.will().topic != before.will().topic)

    def _withdraw(self) -> None:
        """Take away what is announced no longer, over the connection that stays."""
        for key, message in self._forget():
            self._link.send(message, key)

    def _forget(self) -> list[tuple[str, Message]]:
        """Send no longer what is announced no longer; return what takes it away."""
        gone = self._terms.wishes.announced.withdrawals()
        if gone:
            self._told.clear()
        with self._lock:
            for _, message in gone:
                self._retained.pop(message.topic, None)
        return gone

    def _renew(self, first: Sequence[Message], *, moved: bool) -> None:
        """Connect anew, as somebody else where the topics have moved."""
        self._forget()
        with self._lock:
            if moved:
                self._retained.clear()
                self._told.clear()
            self._retained |= {message.topic: message for message in first}
        self._leaving = False
        self._link = self._new_link()
        self._link.start()

    def _leave(self, terms: Terms) -> None:
        """Say that camera and device are offline, have it acknowledged, and disconnect."""
        self._leaving = True
        self._link.send(terms.sender.camera_online(online=False))
        self._link.close(terms.will())

    def _first(self, before: Terms | None = None) -> list[Message]:
        """Return what every connection hears of device and models; of the same models nothing new."""
        sender, models = self._terms.sender, self._terms.models
        same = before is not None and before.models == models and before.will() == self._terms.will()
        in_force = [] if same else [sender.models_in_force(models)]
        there = sender.online(online=True), sender.camera_online(online=True)
        return [*there, sender.info(models), *in_force, *self._remote.retained]

    def _new_link(self) -> MqttLink:
        return MqttLink(
            self._terms.broker,
            will=self._terms.will(),
            greeting=self._greeting,
            undelivered=self._undelivered,
            on_acknowledged=self._acknowledge,
            subscriptions=self._remote.topics,
            on_message=self._receive,
        )

    def _receive(self, topic: str, payload: bytes, retained: bool) -> None:  # noqa: FBT001 - the link calls it so
        if not self._leaving:  # our own last word comes back to us
            self._remote.receive(topic, payload, retained)

    def _use(self, outbox: Outbox) -> None:
        """Go on with another outbox, once all that was added to the one before is in its file."""
        if outbox is self._outbox:
            return
        self._outbox.flush(_FLUSH_S)
        self._outbox.close()
        self._outbox = outbox
        self._outbox.start(self._deliver, self._restarted)

    @property
    def broker(self) -> Broker:
        """Where and as whom it publishes."""
        return self._terms.broker

    @property
    def state(self) -> str:
        """How the connection stands."""
        return self._link.state

    def problems(self) -> dict[str, str]:
        """Return what is wrong by name, with what the broker does not take."""
        return self._terms.report.problems() | {"broker": self._link.problem}

    def start(self) -> None:
        """Connect in the background."""
        self._outbox.start(self._deliver, self._restarted)
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
        self._tell_problems(self.problems())
        self._tell_states(self._terms.wishes.states())
        due = time.monotonic() >= self._next_stats_at
        for message in self._terms.people.tell(scene, due=due):
            self._state(message)
        if due:
            self._next_stats_at = time.monotonic() + self._terms.stats_s
            self._link.send(self._sender.stats(self._vitals(), self._terms.stats_s))
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
        jpeg = self._terms.snapshot() if self._terms.snapshot else b""
        if jpeg:
            self._link.send(self._sender.snapshot(jpeg))

    def _listen(self) -> Remote:
        """Return what listens to others; where commands are taken at all, a test alert is one of them."""
        wishes, snapshot = self._terms.wishes, self._terms.snapshot
        practise = {"test_alert": lambda _press: self._say(build_test_alert(self._sender, self._model))}
        allowed = replace(wishes, effects={**wishes.effects, **practise}) if wishes.effects else wishes
        return Remote(self._sender, allowed, self._say, snapshot=snapshot is not None)

    def _say(self, message: Message) -> None:
        """Send what is no state."""
        self._link.send(message)

    def tell_signs(self, state: str, phrase: str, language: str) -> None:
        """Tell other signs what the people nearby are told now; dropped while there is no broker."""
        self._link.send(notice(self._sender, state, phrase, language))

    def close(self) -> None:
        """Say `offline`, have it acknowledged, and disconnect."""
        self._outbox.flush(_FLUSH_S)
        self._leave(self._terms)
        self._outbox.close()

    def _acknowledge(self, key: str) -> None:
        """Take note of what the broker has."""
        if key.startswith(WITHDRAWN):
            self._terms.wishes.announced.settle(key)
        else:
            self._outbox.acknowledge(key)

    @property
    def _sender(self) -> Sender:
        return self._terms.sender

    @property
    def _model(self) -> ModelSpec:
        return self._terms.models["mask"]

    def _restarted(self, last: AlertMessage) -> AlertMessage:
        return self._sender.restarted(last)

    def _deliver(self, alert: AlertMessage) -> None:
        """Hand a committed alert to the link."""
        self._link.send(alert.now(self._sender.clock), alert.key)

    def _vitals(self) -> dict[str, Any]:
        broker = {"connections": self._link.connections, "last_trouble": self._link.trouble}
        broker |= {"ignored": self._link.ignored}
        outbox = {"waiting": self._outbox.waiting, "dropped": self._outbox.dropped, "state": self._outbox.state}
        commands = {"taken": self._remote.commands.taken, "refused": self._remote.commands.refused}
        return self._terms.report.stats() | {"outbox": outbox, "broker": broker, "commands": commands}

    def _state(self, message: Message) -> None:
        """Send a retained message, and again on every connection."""
        with self._lock:
            self._retained[message.topic] = message
        self._link.send(message)

    def _greeting(self) -> Iterator[tuple[str, Message]]:
        """Yield what a new connection must hear: state first, then the alerts that may not have arrived."""
        with self._lock:
            state = [("", message) for message in self._retained.values()]
        state = self._terms.wishes.announced.withdrawals(self._link.connections) + state
        yield from state
        for alert in self._outbox.unsettled():
            yield alert.key, alert.now(self._sender.clock)

    def _undelivered(self) -> Iterator[tuple[str, Message]]:
        """Yield the alerts that no broker has taken yet, oldest first."""
        for kept in self._outbox.unsettled():
            if self._outbox.waits(kept.key):
                yield kept.key, kept.now(self._sender.clock)
