"""The sink that turns scenes into messages: alerts through the outbox, state at once and again on every connection."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from edge.data import NoticeState
from edge.publish.announced import Announced, Memory
from edge.publish.command import CommandReceiver
from edge.publish.delivery_times import DeliveryTimes
from edge.publish.homeassistant import Discovery, device_id
from edge.publish.incoming import Incoming
from edge.publish.message import WITHDRAWN
from edge.publish.mqtt import MqttLink
from edge.publish.outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from edge.data import Notice, Scene
    from edge.publish.broker import Broker
    from edge.publish.command import Command
    from edge.publish.message import AlertMessage, Message, Sender
    from edge.publish.presence import People
    from edge.tflite import ModelSpec

_FLUSH_S = 1.0
_NO_PROBLEM = ("disk", "memory", "opening")
"""States of the outbox that need no attention."""


class Report(Protocol):
    """What the process reports of itself."""

    def stats(self) -> dict[str, Any]:
        """Return its statistics."""
        ...

    def problems(self) -> dict[str, str]:
        """Return its problems by name, each "STATE: DETAIL", empty where there is none."""
        ...


@dataclass(frozen=True, slots=True)
class PublisherConfig:
    """What the settings make of a publisher; a reload makes another one.

    outbox: the file in which alerts wait; None: they wait in memory.  outbox_limit: how many.
    runtime: returns what runs the models now.
    commands: what can be set or started; `accepts_commands`: whether that is allowed over MQTT. Their state is reported
    in both cases.
    snapshot: returns the newest redacted image as JPEG at once, or nothing; None: no image is sent.
    aliases: the version of each alias of the model store.  overridden: the setting that names another model than the
    champion's, by kind.
    reports: what else is reported of the device, retained, when it has changed: what returns each, by topic.
    """

    broker: Broker
    sender: Sender
    models: dict[str, ModelSpec]
    runtime: Callable[[], dict[str, str]]
    report: Report
    people: People
    outbox: Path | None
    outbox_limit: int
    stats_s: float
    commands: tuple[Command, ...] = ()
    accepts_commands: bool = False
    discovery: Discovery = field(default_factory=Discovery)
    memory: Memory = field(default_factory=Memory)
    snapshot: Callable[[], bytes] | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)
    overridden: Mapping[str, str] = field(default_factory=dict)
    reports: Mapping[str, Callable[[], dict[str, Any]]] = field(default_factory=dict)

    @property
    def will(self) -> Message:
        """The last message, which is also the last will."""
        return self.sender.online(online=False)

    @property
    def active(self) -> tuple[dict[str, ModelSpec], Mapping[str, str], Mapping[str, str]]:
        """What is published of the models in force."""
        return self.models, self.aliases, self.overridden

    @property
    def accepted(self) -> tuple[Command, ...]:
        """The commands that are accepted."""
        return self.commands if self.accepts_commands else ()

    def announcement(self) -> Message | None:
        """Return what announces the device to Home Assistant; None where it is not announced."""
        if not self.discovery.prefix:
            return None
        return self.discovery.message(
            self.sender,
            self.accepted,
            snapshot=self.snapshot is not None,
            aggregate=self.people.aggregate,
            drift="drift" in self.reports,
        )

    def states(self) -> dict[str, str]:
        """Return what is in force of all that can be set, by topic below the device's."""
        return {command.state_topic: command.state() for command in self.commands if command.state}


class Publisher:
    """Sink on a broker that may be absent for any length of time; owns outbox and link, and outlives every reload."""

    def __init__(self, config: PublisherConfig) -> None:
        """Prepare; nothing is opened before `start`."""
        self._config = config
        self._announced = Announced()
        self._commands = CommandReceiver(self._send)
        self._reported: dict[str, str] = {}
        self._notice = NoticeState.OFF
        self._is_leaving = False
        self._next_stats_at = 0.0
        self._lock = threading.Lock()
        self._incoming, announcement = self._listen()
        opening = [*self._opening(announcement), *config.people.opening()]
        self._retained = {message.topic: message for message in opening}
        self.delivery_times = DeliveryTimes()
        self._outbox = self._new_outbox()
        self._link = self._new_link()

    def start(self) -> None:
        """Open the outbox, and connect in the background."""
        self._outbox.start(self._deliver, self._restarted)
        self._link.start()

    def adopt(self, config: PublisherConfig) -> None:
        """Continue with other settings; the connection stays where broker, will and subscriptions stay the same."""
        before, topics = self._config, self._incoming.topics
        self._config = config
        self._incoming, announcement = self._listen()
        if (config.outbox, config.outbox_limit) != (before.outbox, before.outbox_limit):
            self._exchange_outbox()
        opening = self._opening(announcement, before)
        opening += config.people.opening() if config.people is not before.people else ()
        if (config.broker, config.will, self._incoming.topics) == (before.broker, before.will, topics):
            self._withdraw()
            for message in opening:
                if self._retained.get(message.topic) != message:
                    self._publish_state(message)
            return
        self._go_offline(before)
        self._reconnect(opening, moved=config.will.topic != before.will.topic)

    def put(self, scene: Scene) -> None:
        """Publish what a scene brings; return at once.

        Raises:
            ThreadStuck: a thread that carries alerts has ended, so only a restart of the process fixes it.
        """
        self._outbox.check()
        self._link.check()
        for alert in scene.alerts:
            made = self._sender.alert(alert, scene, self._config.models["mask"])
            self.delivery_times.begin(made.key, scene.decided_at)
            self._outbox.add(made)
        self._publish_notice(scene.notice)
        self._publish_problems(self.problems())
        self._publish_command_states(self._config.states())
        due = time.monotonic() >= self._next_stats_at
        for message in self._config.people.messages(scene, due=due):
            self._publish_state(message)
        if due:
            self._next_stats_at = time.monotonic() + self._config.stats_s
            self._send(self._sender.stats(self.stats(), self._config.stats_s))
            self._publish_reports()
            self._publish_snapshot()

    def close(self) -> None:
        """Write the outbox, publish `offline`, wait for its acknowledgement, and disconnect."""
        self._outbox.flush(_FLUSH_S)
        self._go_offline(self._config)
        self._outbox.close()

    @property
    def broker(self) -> Broker:
        """Where and as whom it publishes."""
        return self._config.broker

    @property
    def outbox(self) -> Outbox:
        """Where alerts wait."""
        return self._outbox

    @property
    def state(self) -> str:
        """The state of the connection."""
        return self._link.state

    @property
    def models(self) -> dict[str, ModelSpec]:
        """The models in force, by kind."""
        return self._config.models

    def problems(self) -> dict[str, str]:
        """Return all problems by name: those of the process, of the outbox, and what the broker does not accept."""
        outbox = "" if self._outbox.state in _NO_PROBLEM else self._outbox.state
        return self._config.report.problems() | {"outbox": outbox, "broker": self._link.problem}

    @property
    def _sender(self) -> Sender:
        return self._config.sender

    def _listen(self) -> tuple[Incoming, Message | None]:
        """Return what receives messages, and the announcement; remember what stays at the broker from now on."""
        config, announcement = self._config, self._config.announcement()
        named = [*config.states(), *config.reports]
        topics = dict.fromkeys(config.sender.retained(named, aggregate=config.people.aggregate), "")
        former: dict[str, str] = {}
        if announcement:
            topics[announcement.topic] = announcement.payload.decode()
            former[Discovery(config.discovery.prefix).topic(config.sender)] = announcement.payload.decode()
        self._announced.announce(config.memory, device_id(config.sender), topics, former)
        self._commands.adopt(config.accepted, config.sender.topic)
        return Incoming(config.sender, self._commands, config.discovery, announcement, self._send), announcement

    def _opening(self, announcement: Message | None, before: PublisherConfig | None = None) -> list[Message]:
        """Return what every connection begins with: device and models; models that stay are not published again."""
        sender, config = self._sender, self._config
        info = sender.info(config.models, config.runtime())
        online = [sender.online(online=True), sender.camera_online(online=True), info]
        same = before is not None and (before.active, before.will) == (config.active, config.will)
        active = [] if same else [sender.models_in_force(*config.active)]
        return [*online, *active, *([announcement] if announcement else [])]

    def _new_link(self) -> MqttLink:
        return MqttLink(
            self._config.broker,
            will=self._config.will,
            greeting=self._greeting,
            undelivered=self._undelivered,
            on_acknowledged=self._acknowledge,
            subscriptions=self._incoming.topics,
            on_message=self._receive,
        )

    def _new_outbox(self) -> Outbox:
        return Outbox(self._config.outbox, limit=self._config.outbox_limit, monotonic=time.monotonic)

    def _exchange_outbox(self) -> None:
        """Continue with another outbox, once everything in the old one is in its file."""
        self._outbox.flush(_FLUSH_S)
        self._outbox.close()
        self._outbox = self._new_outbox()
        self._outbox.start(self._deliver, self._restarted)

    def _withdraw(self) -> None:
        """Remove what is no longer announced, over the connection that stays."""
        for key, message in self._drop_withdrawn():
            self._link.send(message, key)

    def _drop_withdrawn(self) -> list[tuple[str, Message]]:
        """Stop sending what is no longer announced; return the messages that remove it."""
        gone = self._announced.withdrawals()
        if gone:
            self._reported.clear()
        with self._lock:
            for _, message in gone:
                self._retained.pop(message.topic, None)
        return gone

    def _reconnect(self, opening: Sequence[Message], *, moved: bool) -> None:
        """Open a new connection; `moved`: under other topics."""
        self._drop_withdrawn()
        with self._lock:
            if moved:
                self._retained.clear()
                self._reported.clear()
            self._retained |= {message.topic: message for message in opening}
        self._is_leaving = False
        self._link = self._new_link()
        self._link.start()

    def _go_offline(self, config: PublisherConfig) -> None:
        """Publish that camera and device are offline, wait for the acknowledgement, and disconnect."""
        self._is_leaving = True
        self._send(config.sender.camera_online(online=False))
        self._link.close(config.will)

    def _publish_notice(self, notice: Notice) -> None:
        """Publish the notice for other signs when its state changes; dropped while there is no broker."""
        if notice.state is not self._notice:
            self._notice = notice.state
            self._send(self._sender.notice(notice))

    def _publish_problems(self, problems: dict[str, str]) -> None:
        """Publish the problems that changed, empty ones cleared; camera and lens together are the camera's health."""
        changed = {name: text for name, text in problems.items() if self._reported.get(name) != text}
        for name, text in changed.items():
            self._publish_state(self._sender.problem(name, text))
        if changed.keys() & {"camera", "lens"}:
            worst = problems["camera"] or problems["lens"] or "ok"
            state, _, detail = worst.partition(": ")
            self._publish_state(self._sender.health(state, detail))
        if self._reported and "delegate" in changed:
            self._publish_state(self._sender.info(self._config.models, self._config.runtime()))
        self._reported |= problems

    def _publish_command_states(self, states: dict[str, str]) -> None:
        """Publish what changed of all that can be set."""
        for topic, text in states.items():
            if self._reported.get(topic) != text:
                self._reported[topic] = text
                self._publish_state(self._sender.setting(topic, text))

    def _publish_reports(self) -> None:
        """Publish the reports that have changed; the time of a message is no change."""
        for topic, report in self._config.reports.items():
            body = report()
            if self._reported.get(topic) != str(body):
                self._reported[topic] = str(body)
                self._publish_state(self._sender.report(topic, body))

    def _publish_snapshot(self) -> None:
        jpeg = self._config.snapshot() if self._config.snapshot else b""
        if jpeg:
            self._send(self._sender.snapshot(jpeg))

    def _publish_state(self, message: Message) -> None:
        """Send a retained message now, and again on every connection."""
        with self._lock:
            self._retained[message.topic] = message
        self._send(message)

    def _send(self, message: Message) -> None:
        """Send a message on this connection alone."""
        self._link.send(message)

    def stats(self) -> dict[str, Any]:
        """Return the statistics of process, outbox, link and commands; safe on any thread."""
        outbox = {"waiting": self._outbox.waiting, "dropped": self._outbox.dropped, "state": self._outbox.state}
        broker = {"connections": self._link.connections, "last_trouble": self._link.last_problem}
        broker |= {"ignored": self._link.ignored}
        commands = {"taken": self._commands.accepted, "refused": self._commands.refused}
        return self._config.report.stats() | {"outbox": outbox, "broker": broker, "commands": commands}

    def _receive(self, topic: str, payload: bytes, retained: bool) -> None:  # noqa: FBT001 - the link calls it so
        """Take a message, unless it may be our own `offline` that comes back."""
        if not self._is_leaving:
            self._incoming.receive(topic, payload, retained=retained)

    def _acknowledge(self, key: str) -> None:
        """Note that the broker has taken over a message."""
        if key.startswith(WITHDRAWN):
            self._announced.settle(key)
        else:
            self.delivery_times.end(key)
            self._outbox.acknowledge(key)

    def _restarted(self, last: AlertMessage) -> AlertMessage:
        """Return the end of an episode that an earlier run left open."""
        return self._sender.restarted(last)

    def _deliver(self, alert: AlertMessage) -> None:
        """Hand over an alert that has been committed to the link."""
        self._link.send(alert.now(self._sender.clock), alert.key)

    def _greeting(self) -> Iterator[tuple[str, Message]]:
        """Yield what a new connection is sent: state first, then the alerts that may not have arrived."""
        with self._lock:
            state = [("", message) for message in self._retained.values()]
        yield from self._announced.withdrawals(self._link.connections) + state
        for alert in self._outbox.unsettled():
            yield alert.key, alert.now(self._sender.clock)

    def _undelivered(self) -> Iterator[tuple[str, Message]]:
        """Yield the alerts that no broker has acknowledged yet, oldest first."""
        for alert in self._outbox.unsettled():
            if self._outbox.waits(alert.key):
                yield alert.key, alert.now(self._sender.clock)
