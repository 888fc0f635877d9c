"""The message for other signs."""

from __future__ import annotations

from edge.publish.message import utc
from edge.publish.notices import notice
from tests.support.messages import WALL, body, sender


def test_a_notice_says_what_is_told_in_which_language_and_is_soon_forgotten():
    message = notice(sender(), "on", "Bitte Abstand halten", "de")
    assert (message.topic, message.qos, message.retain, message.expiry_s) == ("maskwatch/1/stop-7/notice", 0, False, 10)
    assert body(message) == {
        "schema": 1,
        "session": "abc",
        "t": utc(WALL),
        "state": "on",
        "phrase": "Bitte Abstand halten",
        "language": "de",
    }


def test_the_end_of_a_notice_has_no_words():
    told = body(notice(sender(), "off", "", ""))
    assert (told["state"], told["phrase"], "language" in told) == ("off", "", False)
