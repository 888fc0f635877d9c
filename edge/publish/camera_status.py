"""The status of several cameras under one device name: the last will of one must not mark the others offline."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from edge.publish.command import TokenBucket

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.publish.message import Message, Sender


class CameraStatuses:
    """Corrects `status` and `camera/NAME/status` while we are connected; belongs to the link's thread.

    A connection has one last will, the device's `offline`. A camera that is still connected publishes `online` again,
    and `offline` for every other camera that it knows; each of those that is connected corrects that in turn.
    """

    def __init__(self, sender: Sender, send: Callable[[Message], None]) -> None:
        """Start with no other camera known."""
        self._sender = sender
        self._send = send
        self._camera = re.compile(rf"{re.escape(sender.topic('camera'))}/([^/]+)/status")
        self._others: set[str] = set()
        self._bucket = TokenBucket(20, 1.0)

    @property
    def topics(self) -> list[str]:
        """What to subscribe to."""
        return [self._sender.topic("status"), self._sender.topic("camera/+/status")]

    def receive(self, topic: str, payload: bytes, *, retained: bool) -> None:
        """Note the status of another camera, or correct our own."""
        offline, camera = payload == b"offline", self._camera.fullmatch(topic)
        if camera and camera[1] != self._sender.camera:
            (self._others.add if payload == b"online" else self._others.discard)(camera[1])
        elif offline and not retained and topic in (self._sender.topic("status"), self._sender.camera_topic("status")):
            self._correct(whole=not camera)

    def _correct(self, *, whole: bool) -> None:
        if not self._bucket.take():
            return
        self._send(self._sender.online(online=True) if whole else self._sender.camera_online(online=True))
        for name in sorted(self._others) if whole else ():
            self._send(self._sender.camera_online(name, online=False))
