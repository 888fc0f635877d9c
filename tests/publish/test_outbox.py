"""Alerts that wait."""

from __future__ import annotations

from edge.publish.message import AlertMessage
from edge.publish.outbox import Outbox
from tests.fakes import FakeClock


def message(number: int) -> AlertMessage:
    return AlertMessage(f"e{number}:0", "topic", {}, 0.0)


def keys(outbox: Outbox) -> list[str]:
    return [alert.key for alert in outbox.unsettled()]


def test_what_is_not_acknowledged_stays_oldest_first():
    clock = FakeClock()
    outbox = Outbox(limit=10, monotonic=clock)
    outbox.add(message(1))
    outbox.add(message(2))
    clock.now += 90_000
    assert keys(outbox) == ["e1:0", "e2:0"]
    assert outbox.waiting == 2


def test_what_is_acknowledged_is_sent_again_for_ten_minutes():
    clock = FakeClock()
    outbox = Outbox(limit=10, monotonic=clock)
    outbox.add(message(1))
    outbox.acknowledge("e1:0")
    assert outbox.waiting == 0
    clock.now += 599
    assert keys(outbox) == ["e1:0"]
    clock.now += 2
    assert keys(outbox) == []


def test_a_full_outbox_drops_the_oldest_and_counts_it():
    outbox = Outbox(limit=2, monotonic=FakeClock())
    for number in range(5):
        outbox.add(message(number))
    assert keys(outbox) == ["e3:0", "e4:0"]
    assert outbox.dropped == 3


def test_an_acknowledgement_of_something_unknown_is_nothing():
    Outbox(limit=2, monotonic=FakeClock()).acknowledge("what")
