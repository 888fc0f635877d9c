"""When and how the link connects again, attempt by attempt."""

from __future__ import annotations

import errno
import socket

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from edge.errors import ConfigError
from edge.publish.backoff import Backoff, Ending, Reason, state_of
from edge.publish.broker import Broker
from edge.publish.limits import Limits
from edge.publish.link_state import LinkState

REFUSED = Ending(opened=True, answered=True, reason=Reason(135, "not authorized"))
SILENT = Ending(opened=True)
UNREACHABLE = Ending()


def accepted(lasted_s: float = 1.0, *, contested: bool = False, **limits) -> Ending:
    return Ending(lasted_s, opened=True, answered=True, granted=Limits(**limits), contested=contested)


def backoff(*endings: Ending, **broker) -> Backoff:
    made = Backoff(Broker("b", 1883, "id-7", **{"retry_min_s": 1.0, "retry_max_s": 60.0, **broker}))
    for ending in endings:
        made.count(ending)
    return made


def longest_s(policy: Backoff, state: str = LinkState.UNREACHABLE) -> float:
    """Return the longest of many pauses, of which none is below half of it."""
    pauses = [policy.pause_s(state) for _ in range(400)]
    assert min(pauses) >= max(pauses) / 2.02
    return max(pauses)


@pytest.mark.parametrize(("failures", "pause_s"), [(0, 1), (1, 2), (2, 4), (5, 32), (6, 60), (40, 60)])
def test_the_pause_doubles_up_to_the_longest(failures, pause_s):
    assert longest_s(backoff(*[UNREACHABLE] * failures)) == pytest.approx(pause_s, rel=0.05)


@pytest.mark.parametrize("state", [LinkState.REFUSED, LinkState.TLS, LinkState.TAKEN_OVER])
def test_what_needs_attention_is_tried_slowly_from_the_first_failure(state):
    assert longest_s(backoff(REFUSED), state.because("why")) == pytest.approx(60, rel=0.05)


def test_a_connection_that_lasted_half_a_minute_is_a_success_and_a_shorter_one_a_failure():
    assert longest_s(backoff(*[UNREACHABLE] * 4, accepted(31.0))) == pytest.approx(1, rel=0.05)
    assert longest_s(backoff(*[UNREACHABLE] * 4, accepted(29.0))) == pytest.approx(32, rel=0.05)
    assert longest_s(backoff(accepted(31.0)), LinkState.REFUSED) == pytest.approx(1, rel=0.05)


def test_while_a_message_is_isolated_the_pause_is_the_shortest():
    policy = backoff(*[UNREACHABLE] * 4)
    policy.count(accepted(), isolating=True)
    assert longest_s(policy) == pytest.approx(1, rel=0.05)


def test_three_short_connections_in_a_row_are_another_client_with_the_id():
    policy = backoff(*[accepted(contested=True)] * 2)
    assert (policy.is_flapping, policy.problem) == (False, "")
    policy.count(accepted(contested=True))
    assert (policy.is_flapping, policy.began_flapping) == (True, True)
    assert policy.problem == "taken over: does another client have the id id-7?"
    policy.count(accepted(contested=True))
    assert (policy.is_flapping, policy.began_flapping) == (True, False)
    policy.count(accepted(60.0))
    assert (policy.is_flapping, policy.problem) == (False, "")


def test_a_broker_that_cannot_be_reached_in_between_ends_the_suspicion():
    assert not backoff(*[accepted(contested=True)] * 2, UNREACHABLE, accepted(contested=True)).is_flapping
    assert not backoff(*[accepted()] * 5).is_flapping


def test_a_message_that_is_isolated_is_no_other_client():
    policy = backoff(*[accepted(contested=True)] * 3)
    policy.count(accepted(contested=True), isolating=True)
    assert not policy.is_flapping


def test_on_a_broker_that_never_answers_each_fallback_is_tried_in_turn_and_then_the_first_again():
    policy, asked = backoff(), []
    for _ in range(5):
        asked.append((policy.options.mqtt5, policy.options.limits.retain, policy.options.limits.qos))
        policy.count(SILENT)
    assert asked == [(True, True, 2), (False, True, 2), (False, False, 2), (False, False, 0), (True, True, 2)]


def test_the_first_fallback_is_tried_at_once_and_only_then_is_the_silence_a_problem():
    policy = backoff(SILENT)
    assert (policy.pause_s(LinkState.UNREACHABLE), policy.problem) == (0.0, "")
    policy.count(SILENT)
    assert policy.pause_s(LinkState.UNREACHABLE) > 0
    assert "accepts the connection and does not answer" in policy.problem
    policy.count(REFUSED)
    assert policy.problem == ""


def test_a_silent_broker_over_tls_may_want_a_certificate():
    assert backoff(SILENT, SILENT, tls=True).problem == (
        "tls: the broker ends the connection without an answer; does it require a client certificate?"
    )


def test_a_broker_that_answered_once_is_not_offered_less_when_it_is_silent():
    policy = backoff(accepted(), SILENT)
    assert policy.options.mqtt5
    assert policy.pause_s(LinkState.UNREACHABLE) > 0
    assert "does not answer" in policy.problem


@pytest.mark.parametrize(("code", "limits"), [(154, (False, 2)), (155, (True, 0))])
def test_a_will_that_is_refused_for_what_it_asks_is_offered_again_at_once_with_less(code, limits):
    refused = Ending(opened=True, answered=True, reason=Reason(code, "no"))
    policy = backoff(refused)
    assert (policy.options.limits.retain, policy.options.limits.qos) == limits
    assert policy.pause_s(LinkState.REFUSED) == 0.0
    policy.count(refused)
    assert policy.pause_s(LinkState.REFUSED) > 0, "it was refused although it asked for less"


def test_the_next_will_stays_within_what_the_broker_granted():
    policy = backoff(accepted(retain=False, qos=1))
    assert (policy.options.limits.retain, policy.options.limits.qos) == (False, 1)
    assert policy.pause_s(LinkState.LOST) > 0


@pytest.mark.parametrize(
    ("code", "failed", "protocol", "taken", "of_a_message"),
    [
        (0, False, False, False, False),
        (1, False, True, False, True),
        (127, False, False, False, True),
        (128, True, False, False, True),
        (132, True, True, False, True),
        (142, True, False, True, False),
        (149, True, False, False, True),
        (160, True, False, False, False),
    ],
)
def test_a_reason_code_has_one_meaning(code, failed, protocol, taken, of_a_message):
    reason = Reason(code, "")
    assert (reason.failed, reason.of_the_protocol, reason.taken_over, reason.of_a_message) == (
        failed,
        protocol,
        taken,
        of_a_message,
    )


def test_a_will_is_refused_only_for_what_it_asks():
    assert Reason(154, "").of_the_will(Limits()) is True
    assert Reason(154, "").of_the_will(Limits(retain=False)) is False
    assert Reason(155, "").of_the_will(Limits(qos=1)) is True
    assert Reason(155, "").of_the_will(Limits(qos=0)) is False
    assert Reason(135, "").of_the_will(Limits()) is False


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (ConfigError("no such certificate"), "tls: no such certificate"),
        (socket.gaierror(-2, "Name or service not known"), "unknown host name"),
        (OSError(errno.ECONNREFUSED, "x"), "unreachable: Connection refused"),
        (TimeoutError("timed out"), "unreachable: timed out"),
    ],
)
def test_an_error_on_connecting_is_a_state_with_its_cause(error, state):
    assert state_of(error).startswith(state)


REASONS = {
    code: name
    for code, names in ReasonCode(PacketTypes.DISCONNECT).names.items()
    for name, packets in names.items()
    if PacketTypes.DISCONNECT in packets
}
"""The reasons of DISCONNECT of MQTT 5, 3.14.2.1, as paho-mqtt names them."""
CAUSED_BY_NO_MESSAGE = {
    "Normal disconnection",
    "Server busy",
    "Server shutting down",
    "Keep alive timeout",
    "Session taken over",
    "Administrative action",
    "Use another server",
    "Server moved",
    "Maximum connect time",
}


@pytest.mark.parametrize(("code", "name"), REASONS.items())
def test_only_a_reason_that_concerns_a_message_makes_one_a_suspect(code, name):
    assert Reason(code, name).of_a_message == (name not in CAUSED_BY_NO_MESSAGE)
