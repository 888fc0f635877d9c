"""A program light enough to be killed a thousand times: the real publisher, outbox and link, with made-up scenes."""

from __future__ import annotations

import time
import uuid
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from edge import paths
from edge.data import Alert, EventType, Mask
from edge.publish.broker import Broker
from edge.publish.message import Clock, Sender
from edge.publish.presence import Presence
from edge.publish.publisher import Publisher, PublisherConfig
from edge.tflite import read_spec
from tests.support import fakes

DEVICE = "kills"
LIMIT = 100_000
_KINDS = (EventType.START, EventType.UPDATE, EventType.END)


class NoProblems:
    """The report of a process without problems."""

    def stats(self) -> dict[str, object]:
        return {}

    def problems(self) -> dict[str, str]:
        return {"camera": "", "lens": ""}


def on_cpu() -> dict[str, str]:
    """Return what runs the models where no delegate does."""
    return {"name": "ai_edge_litert.interpreter", "delegate": ""}


def publisher_on(broker: Broker, path: Path | None, limit: int, clock: Clock, stats_s: float = 0.5) -> Publisher:
    """Return the real publisher on a broker, with an outbox at `path`, and a process without problems."""
    sender = Sender(DEVICE, "", "main", uuid.uuid4().hex[:12], clock, expires_s=60.0)
    models = {"mask": read_spec(paths.models() / "mask")}
    people = Presence(sender, interval_s=stats_s)
    return Publisher(PublisherConfig(broker, sender, models, on_cpu, NoProblems(), people, path, limit, stats_s))


def publisher_of(port: int, path: Path) -> Publisher:
    """Return the publisher that is killed."""
    broker = Broker("127.0.0.1", port, f"maskwatch-{DEVICE}-main", retry_min_s=0.05, retry_max_s=0.2)
    return publisher_on(broker, path, LIMIT, Clock())


def alert(event_id: str, seq: int) -> Alert:
    """Return one moment of an episode of three."""
    return Alert(event_id, _KINDS[seq], seq, Mask.WITHOUT_MASK, fakes.track(), 0.0, 0.0)


def drive(port: int, path: Path, pause_s: float) -> None:
    """Raise an alert every `pause_s` until killed; none where it is 0."""
    publisher = publisher_of(port, path)
    publisher.start()
    for number in count():
        if pause_s:
            event_id = event_id if number % 3 else str(uuid.uuid4())  # noqa: F821 - the first number is 0
            publisher.put(fakes.scene(alerts=(alert(event_id, number % 3),), decided_at=time.monotonic()))
        time.sleep(pause_s or 0.1)


@contextmanager
def publishing(port: int, *, host: str = "127.0.0.1", limit: int = 1000, clock: Clock | None = None, path=None):
    """Return the real publisher, on its outbox in memory or at `path`."""
    broker = Broker(host, port, "publisher", keepalive_s=5, retry_min_s=0.1, retry_max_s=0.3)
    publisher = publisher_on(broker, path, limit, clock or Clock(), stats_s=0.3)
    publisher.start()
    try:
        yield publisher
    finally:
        publisher.close()


def raise_alerts(publisher: Publisher, numbers: range, seq: int = 0) -> set[str]:
    """Put one alert a scene; return their keys."""
    for number in numbers:
        publisher.put(fakes.scene(alerts=(alert(f"e{number}", seq),), decided_at=time.monotonic()))
    return {f"e{number}:{seq}" for number in numbers}
