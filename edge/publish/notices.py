"""The message for other signs: the notice to the people nearby."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edge.publish.message import SCHEMA, Message, encode, utc

if TYPE_CHECKING:
    from edge.data import Notice
    from edge.publish.message import Sender

_EXPIRY_S = 10
"""A notice is for the people who are here now; a sign that connects later does not need it."""


def notice_message(sender: Sender, notice: Notice) -> Message:
    """Return the message, in the first language; not retained, since it would outlive its moment."""
    first = next(iter(notice.phrases), None)
    body: dict[str, Any] = {"schema": SCHEMA, "session": sender.session, "t": utc(sender.clock.wall())}
    body |= {"state": notice.state.value, "phrase": first.text if first else ""}
    body |= {"language": first.language} if first else {}
    return Message(sender.topic("notice"), encode(body), expiry_s=_EXPIRY_S)
