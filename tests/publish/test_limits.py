"""What a broker accepts, and what a message becomes within it."""

from __future__ import annotations

import pytest

from edge.publish.limits import Limits, packet_bytes
from edge.publish.message import Message


@pytest.mark.parametrize(("granted", "in_flight"), [(0, 1), (1, 1), (19, 19), (20, 20), (21, 20), (65_535, 20)])
def test_at_least_one_and_at_most_twenty_messages_are_on_their_way(granted, in_flight):
    assert Limits(in_flight=granted).in_flight == in_flight


def test_a_message_is_sent_within_what_the_broker_accepts():
    state = Message("a", b"x", qos=1, retain=True)
    assert Limits().fitted(state) == state
    assert Limits(retain=False).fitted(state) == Message("a", b"x", qos=1, retain=False)
    assert Limits(qos=0).fitted(state) == Message("a", b"x", qos=0, retain=True)


def test_what_was_never_retained_need_not_be_cleared():
    assert Limits(retain=False).fitted(Message("a", b"", qos=1, retain=True)) is None
    assert Limits(retain=False).fitted(Message("a", b"", qos=1)) is not None
    assert Limits().fitted(Message("a", b"", qos=1, retain=True)) is not None


@pytest.mark.parametrize(
    ("message", "mqtt5", "size"),
    [
        (Message("a", b"", qos=0), False, 1 + 1 + 3),
        (Message("a", b"", qos=1), False, 1 + 1 + 3 + 2),
        (Message("a", b"", qos=1), True, 1 + 1 + 3 + 2 + 1),
        (Message("a", b"", qos=1, expiry_s=60), True, 1 + 1 + 3 + 2 + 1 + 5),
        (Message("a", b"", qos=1, expiry_s=60), False, 1 + 1 + 3 + 2),
        (Message("\u00e4", b"xy", qos=0), False, 1 + 1 + 4 + 2),
        (Message("a", b"x" * 124, qos=0), False, 1 + 1 + 127),
        (Message("a", b"x" * 125, qos=0), False, 1 + 2 + 128),
        (Message("a", b"x" * 16_380, qos=0), False, 1 + 2 + 16_383),
        (Message("a", b"x" * 16_381, qos=0), False, 1 + 3 + 16_384),
    ],
)
def test_the_size_of_a_packet_is_known_before_it_is_sent(message, mqtt5, size):
    assert packet_bytes(message, mqtt5=mqtt5) == size


def test_a_message_that_is_too_large_is_named_with_both_sizes():
    message = Message("a", b"x" * 90, qos=0)
    assert Limits(packet_bytes=95).excess(message, mqtt5=False) == ""
    assert Limits(packet_bytes=94).excess(message, mqtt5=False) == "95 bytes, and the broker accepts 94"


def test_a_user_learns_what_the_broker_does_not_do():
    assert Limits().remarks == []
    assert Limits(qos=1).remarks == []
    (small,) = Limits(packet_bytes=1000).remarks
    assert "up to 1000 bytes" in small
    (unretained,) = Limits(retain=False).remarks
    assert "retains no messages" in unretained
    (unacknowledged,) = Limits(qos=0).remarks
    assert "QoS 0 only" in unacknowledged
