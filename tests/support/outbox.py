"""An outbox whose clock is moved by hand."""

from __future__ import annotations

from pathlib import Path

from edge.publish.message import AlertMessage
from edge.publish.outbox import Outbox
from edge.publish.store import AlertStore, Changes, packed
from tests.support.fakes import FakeClock


def message(number: int, event_type: str = "start", seq: int = 0) -> AlertMessage:
    body = {"event_id": f"e{number}", "event_type": event_type, "seq": seq, "filler": "x" * 900}
    return AlertMessage(f"e{number}:{seq}", "topic", body, "boot", 60.0)


class Box:
    """An outbox with a clock moved by hand and a list of what it handed over."""

    def __init__(self, path: Path | None = None, limit: int = 100) -> None:
        self.clock = FakeClock()
        self.outbox = Outbox(path, limit=limit, monotonic=self.clock)
        self.delivered: list[str] = []
        self.left_open: list[str] = []
        self.outbox.start(lambda alert: self.delivered.append(alert.key), self._ended)

    def _ended(self, alert: AlertMessage) -> AlertMessage:
        self.left_open.append(alert.key)
        return message(int(alert.event_id[1:]), "end", int(alert.body["seq"]) + 1)

    def add(self, *messages: AlertMessage) -> None:
        for each in messages:
            self.outbox.add(each)
        assert self.outbox.flush(5)

    def acknowledge(self, *keys: str) -> None:
        for key in keys:
            self.outbox.acknowledge(key)
        assert self.outbox.flush(5)

    def after(self, seconds: float) -> list[str]:
        self.clock.now += seconds
        assert self.outbox.flush(5)
        assert self.outbox.flush(5)  # an end is added after what waits already
        return [alert.key for alert in self.outbox.unsettled()]


def write(journal: AlertStore, *messages: AlertMessage, acknowledged: set[str] = frozenset()) -> None:
    journal.write(Changes({each.key: packed(each) for each in messages}, set(acknowledged)))


def on_disk(path: Path) -> list[str]:
    """Return the keys that a new process would find."""
    journal = AlertStore(path)
    keys = [held.key for held in journal.load()]
    journal.close()
    return keys
