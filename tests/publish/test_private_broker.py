"""What the embedded broker retains, without a network."""

from __future__ import annotations

import asyncio
import logging

import pytest

from edge.publish import private_broker
from edge.publish.private_broker import PrivateBroker


def retained(*messages: tuple[str, bytes]) -> dict[str, bytes]:
    """Return what stays at the broker of messages that are sent in turn."""

    async def retain() -> dict[str, bytes]:
        broker = PrivateBroker("127.0.0.1:0", "maskwatch", "secret")
        for topic, payload in messages:
            await broker.retain_message(None, topic, payload, 1)
        return {topic: bytes(message.data) for topic, message in broker.retained_messages.items()}

    return asyncio.run(retain())


@pytest.fixture(autouse=True)
def _room_for_two(monkeypatch):
    monkeypatch.setattr(private_broker, "_MAX_RETAINED", 2)
    monkeypatch.setattr(private_broker, "_MAX_RETAINED_BYTES", 10)


def test_what_does_not_fit_is_not_retained_and_one_line_is_logged(caplog):
    caplog.set_level(logging.WARNING, private_broker.__name__)
    assert retained(("a", b"1"), ("b", b"2"), ("c", b"3"), ("d", b"4")) == {"a": b"1", "b": b"2"}
    assert caplog.text.count("more is retained than 2 topics or 10 bytes; dropped, logged once") == 1


def test_a_topic_may_change_as_long_as_it_fits_and_retains_nothing_once_it_does_not():
    assert retained(("a", b"1"), ("b", b"2"), ("a", b"123456789")) == {"a": b"123456789", "b": b"2"}
    assert retained(("a", b"1"), ("b", b"2"), ("a", b"1234567890")) == {"b": b"2"}


def test_an_empty_message_makes_room():
    assert retained(("a", b"1"), ("b", b"2"), ("a", b""), ("c", b"3")) == {"b": b"2", "c": b"3"}
