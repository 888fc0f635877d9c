"""What others send to this device over MQTT: commands, the status of its other cameras, and Home Assistant's start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.publish.camera_status import CameraStatuses
from edge.publish.command import TokenBucket

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.publish.command import CommandReceiver
    from edge.publish.homeassistant import Discovery
    from edge.publish.message import Message, Sender


class Incoming:
    """Names what to subscribe to, and passes each message on; belongs to the link's thread."""

    def __init__(
        self,
        sender: Sender,
        commands: CommandReceiver,
        discovery: Discovery,
        announcement: Message | None,
        publish: Callable[[Message], None],
    ) -> None:
        """Prepare; nothing is subscribed to here.

        announcement: what Home Assistant is sent again after its start; None: it is sent nothing.
        publish: sends an answer, and returns at once.
        """
        self._commands = commands
        self._announcement = announcement
        self._birth_topic = discovery.birth_topic
        self._publish = publish
        self._births = TokenBucket(2, 0.2)
        self._cameras = CameraStatuses(sender, publish) if announcement or commands.topics else None

    @property
    def topics(self) -> list[str]:
        """What to subscribe to."""
        cameras = self._cameras.topics if self._cameras else []
        births = [self._birth_topic] if self._announcement else []
        return [*self._commands.topics, *cameras, *births]

    def receive(self, topic: str, payload: bytes, *, retained: bool) -> None:
        """Carry out a command, note another camera's status, or announce the device to Home Assistant again."""
        self._commands.receive(topic, payload, retained=retained)
        if self._cameras:
            self._cameras.receive(topic, payload, retained=retained)
        started = topic == self._birth_topic and payload == b"online" and not retained
        if self._announcement and started and self._births.take():
            self._publish(self._announcement)
