"""What others may say to the watch over the broker, and what they are told of it: commands, and Home Assistant."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from edge.publish.announced import Announced
from edge.publish.camera_status import CameraStatuses
from edge.publish.command import Bucket, Commands, Tally
from edge.publish.homeassistant import device_id, discovery, discovery_topic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from edge.publish.message import Message, Sender


def _nothing() -> dict[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class RemoteCommands:
    """What the settings allow others to say.

    effects: what each command of `COMMANDS` does, by key; runs on the link's thread and returns at once.
    states: what is in force, by key, as `<key>/state` tells it.
    prefix: Home Assistant's discovery prefix; empty: it is told nothing.
    announced: what stays at the broker; outlives a reload, and in `folder` the process.
    at, user: the broker, by which that is remembered, and who we are there.
    bucket, tally: how many commands are taken, and were; likewise.
    aggregate: people are told of in shares of many alone.
    """

    effects: Mapping[str, Callable[[Any], None]] = field(default_factory=dict)
    states: Callable[[], dict[str, str]] = _nothing
    prefix: str = ""
    announced: Announced = field(default_factory=Announced)
    folder: Path | None = None
    at: str = ""
    user: str = ""
    bucket: Bucket = field(default_factory=Bucket)
    tally: Tally = field(default_factory=Tally)
    aggregate: bool = False


class Remote:
    """Subscribes to what concerns us, and hands it on; belongs to the link's thread."""

    def __init__(
        self, sender: Sender, wishes: RemoteCommands, send: Callable[[Message], None], *, snapshot: bool
    ) -> None:
        """Prepare; `send` takes what is to be said again, and returns at once."""
        self.commands = Commands(sender.topic, wishes.effects, wishes.bucket, wishes.tally)
        self._prefix, self._send = wishes.prefix, send
        self._device: Message | None = None
        self._returns = Bucket(2, 0.2)
        self._roll = CameraStatuses(sender, send) if wishes.prefix or wishes.effects else None
        if wishes.prefix:
            offered = {"commands": bool(wishes.effects), "snapshot": snapshot, "aggregate": wishes.aggregate}
            topic = discovery_topic(wishes.prefix, sender, own=wishes.user == sender.device)
            self._device = discovery(topic, sender, **offered)
        now = dict.fromkeys(sender.retained(wishes.states(), aggregate=wishes.aggregate), "")
        now |= {self._device.topic: self._device.payload.decode()} if self._device else {}
        wishes.announced.announce(wishes.folder, device_id(sender), wishes.at, now, self._former(sender))

    def _former(self, sender: Sender) -> dict[str, str]:
        """Return where versions that remembered nothing announced the device."""
        return {discovery_topic(self._prefix, sender): self._device.payload.decode()} if self._device else {}

    @property
    def topics(self) -> list[str]:
        """What to subscribe to."""
        others = self._roll.topics if self._roll else []
        return [*self.commands.topics, *others, *([f"{self._prefix}/status"] if self._prefix else [])]

    @property
    def retained(self) -> list[Message]:
        """What Home Assistant is told on every connection."""
        return [self._device] if self._device else []

    def receive(self, topic: str, payload: bytes, retained: bool) -> None:  # noqa: FBT001 - the link calls it so
        """Carry out a command; tell Home Assistant again when it has started."""
        self.commands.receive(topic, payload, retained=retained)
        if self._roll:
            self._roll.receive(topic, payload, retained=retained)
        came = topic == f"{self._prefix}/status" and payload == b"online"
        if self._device and came and not retained and self._returns.take():
            self._send(self._device)
