"""Which message is to blame where a broker of MQTT 3.1.1 ends the connection without a reason."""

from __future__ import annotations

from edge.publish.isolation import Isolation
from edge.publish.message import Message

STATUS = Message("d/status", b"online", 1, retain=True)
CONFIG = Message("h/config", b"c" * 1_000, 1, retain=True)
ALERT = Message("d/alert", b"a" * 900, 1)


def ended_at(message: Message, times: int, isolation: Isolation | None = None, now: float = 0.0) -> Isolation:
    """Return what is remembered after the connection ended so many times with one message alone on its way."""
    isolation = isolation or Isolation()
    for _ in range(times):
        assert isolation.connection_ended([message], now), "the message may be the cause"
    return isolation


def test_a_suspect_asks_for_less_each_time_until_it_is_skipped():
    forms = [ended_at(CONFIG, times).form(CONFIG) for times in range(5)]
    assert [(form.retain, form.qos) for form in forms] == [(True, 1), (True, 1), (True, 1), (False, 1), (False, 0)]
    assert ended_at(CONFIG, 4).skip_reason(CONFIG, 0.0) == ""
    assert ended_at(CONFIG, 5).skip_reason(CONFIG, 0.0) == ("the broker ends the connection at it (1015 bytes)")


def test_a_form_that_the_broker_has_taken_better_before_is_not_tried():
    isolation = Isolation()
    isolation.arrived(STATUS, 1)
    assert ended_at(CONFIG, 3, isolation).skip_reason(CONFIG, 0.0), "neither retaining nor QoS 1 is the cause"
    isolation = Isolation()
    isolation.arrived(ALERT, 1)
    assert ended_at(CONFIG, 3, isolation).form(CONFIG).retain is False, "nothing retained has arrived yet"
    assert ended_at(CONFIG, 1, isolation).skip_reason(CONFIG, 0.0), "QoS 1 has"


def test_a_message_is_skipped_for_an_hour_and_then_tried_once():
    isolation = ended_at(CONFIG, 5, now=100.0)
    assert isolation.skip_reason(CONFIG, 3_699.0)
    assert not isolation.is_active
    assert isolation.skip_reason(CONFIG, 3_700.0) == ""
    assert isolation.is_suspect(CONFIG)


def test_a_message_of_less_than_half_the_size_is_still_sent_on_a_topic_that_is_skipped():
    isolation = ended_at(CONFIG, 5)
    assert isolation.skip_reason(Message("h/config", b"c" * 400, 1, retain=True), 0.0) == ""
    assert isolation.skip_reason(Message("h/config", b"c" * 600, 1, retain=True), 0.0)
    assert isolation.skip_reason(STATUS, 0.0) == ""


def test_of_several_messages_those_that_never_arrived_are_suspects():
    isolation = Isolation()
    isolation.arrived(STATUS, 1)
    assert isolation.connection_ended([STATUS, CONFIG, ALERT], 0.0)
    assert [isolation.is_suspect(message) for message in (STATUS, CONFIG, ALERT)] == [False, True, True]
    assert not isolation.connection_ended([STATUS], 0.0), "it arrived before"
    isolation.forget_arrivals()
    assert isolation.connection_ended([STATUS], 0.0)


def test_what_helped_one_message_is_done_for_all():
    isolation = ended_at(CONFIG, 3)
    isolation.arrived(CONFIG, 1)
    assert not isolation.is_active
    assert isolation.form(STATUS).retain is False
