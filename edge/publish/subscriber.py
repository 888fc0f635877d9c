"""`maskwatch watch`: alerts as they arrive over MQTT, each once."""

from __future__ import annotations

import contextlib
import json
import queue
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from edge.publish.message import ROOT
from edge.publish.mqtt import MqttLink
from edge.publish.test_alert import TEST

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator

    from edge.publish.broker import Broker

_REMEMBERED = 10_000
"""(event_id, seq) pairs remembered; an alert is sent again within minutes, not after ten thousand others."""
_TICK_S = 0.5
_MAX_WAITING = 10_000


class Seen:
    """Remembers which alerts have been seen."""

    def __init__(self) -> None:
        """Start with none."""
        self._keys: OrderedDict[tuple[str, int], None] = OrderedDict()

    def first_time(self, event_id: str, seq: int) -> bool:
        """Return True once for each (event_id, seq)."""
        if (event_id, seq) in self._keys:
            return False
        self._keys[event_id, seq] = None
        if len(self._keys) > _REMEMBERED:
            self._keys.popitem(last=False)
        return True


def alerts(broker: Broker, stop: threading.Event, root: str = ROOT) -> Iterator[dict[str, Any]]:
    """Yield the alerts of every device below a root, each once, until `stop` is set; malformed ones are ignored."""
    arrived: queue.Queue[bytes] = queue.Queue(_MAX_WAITING)
    link = MqttLink(
        replace(broker, client_id=""),
        subscriptions=[f"{root}/+/camera/+/alert"],
        on_message=lambda _topic, payload, retained: None if retained else _put(arrived, payload),
    )
    link.start()
    seen = Seen()
    try:
        while not stop.is_set():
            try:
                alert = parse(arrived.get(timeout=_TICK_S))
            except queue.Empty:
                continue
            if alert is not None and seen.first_time(alert["event_id"], alert["seq"]):
                yield alert
    finally:
        link.close()


def _put(arrived: queue.Queue[bytes], payload: bytes) -> None:
    with contextlib.suppress(queue.Full):  # nobody reads; an alert that matters is sent again
        arrived.put_nowait(payload)


def parse(payload: bytes) -> dict[str, Any] | None:
    """Return the alert in a payload; None where there is none."""
    try:
        alert = json.loads(payload)
        if not (isinstance(alert["event_id"], str) and isinstance(alert["seq"], int)):
            return None
        # a line break or an escape sequence in a field would forge lines in the reader's terminal
        return alert if describe(alert).isprintable() else None
    except (ValueError, KeyError, TypeError, ArithmeticError, RecursionError):
        return None


def describe(alert: dict[str, Any]) -> str:
    """Return one line for a person to read."""
    place = "/".join(str(part) for part in (alert["device"], alert["camera"]))
    clock = str(alert["t_decided"])[:19].replace("T", " ") + "Z"
    if alert["event_type"] == TEST:
        return f"{clock} {place}  test alert: nobody was seen{_late(alert)}"
    word = f"{alert['event_type']:<6} {alert['label']}"
    tail = f" ({alert['reason']})" if alert["reason"] else ""
    person = f"person {alert['track_id']}, {float(alert['duration_s']):.1f} s"
    return f"{clock} {place}  {word} {float(alert['confidence']):.2f}  {person}{tail}{_late(alert)}"


def _late(alert: dict[str, Any]) -> str:
    return "  [delayed: for the record only]" if alert["delayed"] else ""
