"""Commands over MQTT: what makes one up, how its payload is read, and how many are accepted.

Nothing here runs a program, and no payload names a file: a payload is one of a few words or a number.
"""

from __future__ import annotations

import logging
import math
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from edge.publish.message import Message

log = logging.getLogger(__name__)

MAX_BYTES = 64
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
"""Source: RFC 8259, section 6."""
_BURST = 10
_REFILL_HZ = 1.0
"""Commands accepted at once, and then per second: more than a person sends, too few to slow the service down."""


@dataclass(frozen=True, slots=True)
class Command:
    """Something that others may set or start over MQTT.

    key: names its topics below the device's, `KEY/set` and `KEY/state`.
    parse: returns the value of a payload of `KEY/set`; raises ValueError where the payload is not valid.
    apply: carries out a value, on the link's thread, and returns at once; a message that it returns is published.
    state: returns what is in force, for `KEY/state`; None: there is nothing to report.
    entity: Home Assistant's components for it, by id, without topics: those follow from the key.
    """

    key: str
    parse: Callable[[bytes], Any]
    apply: Callable[[Any], Message | None]
    state: Callable[[], str] | None = None
    entity: Mapping[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def set_topic(self) -> str:
        """Where it is commanded, below the device's topic."""
        return f"{self.key}/set"

    @property
    def state_topic(self) -> str:
        """Where its state is reported, below the device's topic."""
        return f"{self.key}/state"


def parse_number(payload: bytes) -> float:
    """Return the JSON number that a payload is.

    Raises:
        ValueError: it is anything else, or too large for a float.
    """
    text = payload.decode("ascii")
    if not _NUMBER.fullmatch(text) or not math.isfinite(float(text)):
        raise ValueError("not a JSON number")
    return float(text)


def one_of(*words: str) -> Callable[[bytes], str]:
    """Return the parser of payloads that are exactly one of some words."""

    def parse(payload: bytes) -> str:
        text = payload.decode("ascii")
        if text not in words:
            raise ValueError(f"not one of {', '.join(words)}")
        return text

    return parse


class TokenBucket:
    """Limits a rate: a burst passes at once, then so many per second. Source: token bucket."""

    def __init__(
        self, size: int = _BURST, refill_hz: float = _REFILL_HZ, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Start full."""
        self._size = float(size)
        self._refill_hz = refill_hz
        self._monotonic = monotonic
        self._left = self._size
        self._filled_at = monotonic()

    def take(self) -> bool:
        """Return whether one more may pass now."""
        now = self._monotonic()
        self._left = min(self._size, self._left + (now - self._filled_at) * self._refill_hz)
        self._filled_at = now
        passes = self._left >= 1.0
        self._left -= passes
        return passes


class CommandReceiver:
    """Carries out what comes on `KEY/set`; what is not valid changes nothing, is counted, and is logged once per kind.

    Outlives every reload, and with it the rate limit and the counts.
    """

    def __init__(self, publish: Callable[[Message], None], bucket: TokenBucket | None = None) -> None:
        """Accept nothing yet; `publish` sends what a command answers with, and returns at once."""
        self._publish = publish
        self._bucket = bucket or TokenBucket()
        self._by_topic: dict[str, Command] = {}
        self._logged: set[str] = set()
        self.accepted = 0
        self.refused = 0

    def adopt(self, commands: Iterable[Command], topic: Callable[[str], str]) -> None:
        """Accept these commands from now on, and no others; `topic` returns a full topic of the device."""
        self._by_topic = {topic(command.set_topic): command for command in commands}

    @property
    def topics(self) -> list[str]:
        """What to subscribe to."""
        return list(self._by_topic)

    def receive(self, topic: str, payload: bytes, *, retained: bool) -> None:
        """Carry out a command, or refuse it."""
        command = self._by_topic.get(topic)
        if command is None:
            return
        try:
            value = self._read(command, payload, retained=retained)
        except ValueError as error:
            self._refuse(command.key, error)
            return
        self.accepted += 1
        log.info("command: %s = %s", command.key, value)
        answer = command.apply(value)
        if answer is not None:
            self._publish(answer)

    def _read(self, command: Command, payload: bytes, *, retained: bool) -> object:
        if retained:
            raise ValueError("it is retained, so it may be old")
        if len(payload) > MAX_BYTES:
            raise ValueError(f"longer than {MAX_BYTES} bytes")
        value = command.parse(payload)
        if not self._bucket.take():
            raise ValueError("too many commands")
        return value

    def _refuse(self, key: str, error: ValueError) -> None:
        """Count it; the payload itself is not logged, since a stranger wrote it."""
        self.refused += 1
        why = "not plain text" if isinstance(error, UnicodeDecodeError) else str(error)
        if f"{key}: {why}" not in self._logged:
            self._logged.add(f"{key}: {why}")
            log.warning("command: %s: refused, logged once: %s", key, why)
