"""What others may say to the watch over the broker, and what they are told of it: commands, and Home Assistant."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from edge.publish.command import Bucket, Commands
from edge.publish.homeassistant import discovery, discovery_topic
from edge.publish.message import Message

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from edge.publish.message import Sender


def _nothing() -> dict[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the settings allow others to say.

    effects: what each command of `COMMANDS` does, by key; runs on the link's thread and returns at once.
    states: what is in force, by key, as `<key>/state` tells it.
    prefix: Home Assistant's discovery prefix; empty: it is told nothing.
    announced: topics on which this process has told Home Assistant of a device; outlives the rounds of a watch.
    bucket: how many commands are taken; likewise.
    aggregate: people are told of in shares of many alone.
    """

    effects: Mapping[str, Callable[[Any], None]] = field(default_factory=dict)
    states: Callable[[], dict[str, str]] = _nothing
    prefix: str = ""
    announced: set[str] = field(default_factory=set)
    bucket: Bucket = field(default_factory=Bucket)
    aggregate: bool = False


class Remote:
    """Subscribes to what concerns us, and hands it on; belongs to the link's thread."""

    def __init__(self, sender: Sender, wishes: Wishes, send: Callable[[Message], None], *, snapshot: bool) -> None:
        """Prepare; `send` takes what is to be said again, and returns at once."""
        self.commands = Commands(sender.topic, wishes.effects, wishes.bucket)
        self._prefix, self._send = wishes.prefix, send
        self._device: Message | None = None
        self._returns = Bucket(2, 0.2)
        if wishes.prefix:
            offered = {"commands": bool(wishes.effects), "snapshot": snapshot, "aggregate": wishes.aggregate}
            self._device = discovery(wishes.prefix, sender, **offered)
        told = {discovery_topic(wishes.prefix, sender)} if wishes.prefix else set()
        self._withdrawn = [Message(topic, b"", qos=1, retain=True) for topic in sorted(wishes.announced - told)]
        wishes.announced.clear()
        wishes.announced.update(told)

    @property
    def topics(self) -> list[str]:
        """What to subscribe to."""
        return [*self.commands.topics, *([f"{self._prefix}/status"] if self._prefix else [])]

    @property
    def retained(self) -> list[Message]:
        """What Home Assistant is told on every connection: our device, and that an earlier one is gone."""
        return [*self._withdrawn, *([self._device] if self._device else [])]

    def receive(self, topic: str, payload: bytes, retained: bool) -> None:  # noqa: FBT001 - the link calls it so
        """Carry out a command; tell Home Assistant again when it has started."""
        self.commands.receive(topic, payload, retained=retained)
        came = topic == f"{self._prefix}/status" and payload == b"online"
        if self._device and came and not retained and self._returns.take():
            self._send(self._device)
