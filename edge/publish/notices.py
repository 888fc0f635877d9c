"""The message for other signs: what the people nearby are told now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edge.publish.message import SCHEMA, Message, encode, utc

if TYPE_CHECKING:
    from edge.publish.message import Sender

_EXPIRY_S = 10
"""A sign that comes later has missed it: a notice is for those who stand here now."""


def notice(sender: Sender, state: str, phrase: str, language: str) -> Message:
    """Return the message, not retained: it would outlive its moment.

    state: on, off or thanks.  phrase, language: empty with off, which is sent without a language.
    """
    body: dict[str, Any] = {"schema": SCHEMA, "session": sender.session, "t": utc(sender.clock.wall()), "state": state}
    body |= {"phrase": phrase} | ({"language": language} if language else {})
    return Message(sender.topic("notice"), encode(body), expiry_s=_EXPIRY_S)
