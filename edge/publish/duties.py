"""What a link does for its owner, and what it knows of its broker from one connection to the next."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edge.publish.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from edge.publish.mailbox import Mailbox
    from edge.publish.message import Message
    from edge.publish.refusals import Refusals
    from edge.publish.suspects import Suspects

Keyed = tuple[str, "Message"]
"""A message with the key by which its acknowledgement is told; empty: nobody asks."""


def _none() -> tuple[Keyed, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Duties:
    """What a link does for its owner; all of it runs on the link's thread.

    greeting: what to send on every new connection; drawn as it can be sent.  undelivered: the part of it that no broker
    has taken yet, for when that becomes possible.  on_acknowledged: told the key of each message that the broker took
    over.  on_message: topic, payload, retained.
    """

    will: Message | None = None
    greeting: Callable[[], Iterable[Keyed]] = _none
    undelivered: Callable[[], Iterable[Keyed]] = _none
    on_acknowledged: Callable[[str], None] = lambda _key: None
    subscriptions: Sequence[str] = ()
    on_message: Callable[[str, bytes, bool], None] = lambda _topic, _payload, _retained: None


@dataclass(slots=True)
class Known:
    """What outlives a connection: what waits, what the broker did not take, and how much came that is of no use.

    standing: a complaint that stands until something is acknowledged.  unheard: whether an alert met no subscriber.
    limits: what the broker takes.  told: what was logged once.
    """

    waiting: Mailbox
    suspects: Suspects
    refusals: Refusals
    standing: str = ""
    unheard: bool = False
    limits: Limits = field(default_factory=Limits)
    ignored: int = 0
    told: set[str] = field(default_factory=set)
