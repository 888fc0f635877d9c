"""The message for other signs."""

from __future__ import annotations

from edge.data import Notice, NoticeState, Phrase
from edge.publish.message import utc
from edge.publish.notices import notice_message
from tests.support.messages import WALL, body, sender


def test_a_notice_is_sent_in_its_first_language_and_expires_soon():
    words = (Phrase("de", "Bitte Abstand halten"), Phrase("en", "Please keep your distance"))
    message = notice_message(sender(), Notice(NoticeState.ON, words, 0.5))
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
    sent = body(notice_message(sender(), Notice()))
    assert (sent["state"], sent["phrase"], "language" in sent) == ("off", "", False)
