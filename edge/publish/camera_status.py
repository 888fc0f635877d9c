"""Which cameras of one device are there: each says so, and speaks up where another's end says that it is not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from edge.publish.command import TokenBucket
from edge.publish.message import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.publish.message import Message, Sender


class CameraStatuses:
    """Keeps `status` and `camera/NAME/status` true while we are connected; belongs to the link's thread.

    A connection has one last will, which is the device's `offline`. A camera that goes on contradicts it, and puts
    down as offline those that do not: each that is there contradicts that in turn.
    """

    def __init__(self, sender: Sender, send: Callable[[Message], None]) -> None:
        """Know of no other camera yet."""
        self._sender, self._send = sender, send
        self._camera = re.compile(rf"{ROOT}/{re.escape(sender.device)}/camera/([^/]+)/status")
        self._others: set[str] = set()
        self._bucket = TokenBucket(20, 1.0)

    @property
    def topics(self) -> list[str]:
        """What to subscribe to."""
        return [self._sender.topic("status"), self._sender.topic("camera/+/status")]

    def receive(self, topic: str, payload: bytes, *, retained: bool) -> None:
        """Take note of another camera, or contradict."""
        offline, camera = payload == b"offline", self._camera.fullmatch(topic)
        if camera and camera[1] != self._sender.camera:
            (self._others.add if payload == b"online" else self._others.discard)(camera[1])
        elif offline and not retained and topic in (self._sender.topic("status"), self._sender.camera_topic("status")):
            self._contradict(whole=not camera)

    def _contradict(self, *, whole: bool) -> None:
        if not self._bucket.take():
            return
        self._send(self._sender.online(online=True) if whole else self._sender.camera_online(online=True))
        for name in sorted(self._others) if whole else ():
            self._send(self._sender.camera_online(name, online=False))
