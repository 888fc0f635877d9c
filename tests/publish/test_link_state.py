"""What a broker does not accept, through one connection and the next."""

from __future__ import annotations

from edge.publish.link_state import Refusals


def test_only_what_was_denied_on_this_connection_and_is_now_accepted_is_news():
    """The owner then sends everything again; the beginning of a connection has done so already."""
    refusals = Refusals()
    refusals.deny("d/alert", "not authorized")
    assert refusals.accept("d/alert") is True
    assert refusals.accept("d/alert") is False, "it was accepted before"
    refusals.leave_out("h/config", "too large")
    assert refusals.accept("h/config") is False, "it was left out, not denied"
    refusals.deny("d/alert", "not authorized")
    refusals.begin()
    assert refusals.accept("d/alert") is False, "it was denied on an earlier connection"


def test_a_problem_stays_through_a_reconnect_until_everything_was_sent_without_it():
    refusals = Refusals()
    refusals.deny("d/alert", "not authorized")
    refusals.leave_out("h/config", "too large")
    refusals.begin()
    assert refusals.text == "not taken: d/alert: not authorized; h/config: too large"
    assert refusals.is_denied("d/alert")
    refusals.leave_out("h/config", "too large")
    refusals.settle()
    assert refusals.text == "not taken: h/config: too large"
    assert refusals.state == ""
