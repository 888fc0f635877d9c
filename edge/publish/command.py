"""Commands over MQTT: which there are, what their payloads must be, and how many are taken in.

Nothing here runs a program, and no payload names a file: a command is one of a few words or a number.
"""

from __future__ import annotations

import logging
import math
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, get_args

from edge.settings.schema import AlertSettings, DetectorSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

log = logging.getLogger(__name__)

MAX_BYTES = 64
PROFILES: tuple[str, ...] = get_args(DetectorSettings.model_fields["profile"].annotation)
_DWELL = AlertSettings.model_json_schema()["properties"]["dwell_s"]
DWELL_MIN_S, DWELL_MAX_S = float(_DWELL["minimum"]), float(_DWELL["maximum"])
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
"""Source: RFC 8259, section 6."""
_BURST, _REFILL_HZ = 10, 1.0
"""Commands taken at once, and then each second: more than a person sends, too few to keep the watch from its work."""


def parse_number(payload: bytes) -> float:
    """Return the JSON number that a payload is.

    Raises:
        ValueError: it is anything else, or too large for a float.
    """
    text = payload.decode("ascii")
    if not _NUMBER.fullmatch(text) or not math.isfinite(float(text)):
        raise ValueError("no JSON number")
    return float(text)


def one_of(*words: str) -> Callable[[bytes], str]:
    """Return what parses a payload that is one of some words, to the letter."""

    def parse(payload: bytes) -> str:
        text = payload.decode("ascii")
        if text not in words:
            raise ValueError(f"none of {', '.join(words)}")
        return text

    return parse


COMMANDS: dict[str, Callable[[bytes], str | float]] = {
    "notice": one_of("ON", "OFF"),
    "alert/dwell_s": parse_number,
    "detector/profile": one_of(*PROFILES),
    "test_alert": one_of("PRESS"),
}
"""What the payload on `<key>/set` is read by."""


class Bucket:
    """Lets so many through at once, and then so many a second. Source: token bucket."""

    def __init__(
        self, size: int = _BURST, refill_hz: float = _REFILL_HZ, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Start full."""
        self._size, self._refill_hz, self._monotonic = float(size), refill_hz, monotonic
        self._left, self._filled_at = self._size, monotonic()

    def take(self) -> bool:
        """Return whether one more may pass now."""
        now = self._monotonic()
        self._left = min(self._size, self._left + (now - self._filled_at) * self._refill_hz)
        self._filled_at = now
        passes = self._left >= 1.0
        self._left -= passes
        return passes


@dataclass(slots=True)
class Tally:
    """How many commands were carried out and refused, and which refusals stand in the log."""

    taken: int = 0
    refused: int = 0
    logged: set[str] = field(default_factory=set)


class Commands:
    """Takes what comes on `<key>/set`; what is wrong changes nothing, is counted, and is told once a kind."""

    def __init__(
        self,
        topic: Callable[[str], str],
        effects: Mapping[str, Callable[[Any], None]],
        bucket: Bucket,
        tally: Tally | None = None,
    ) -> None:
        """Listen for the keys of `effects`, each a key of `COMMANDS`.

        topic: gives the full topic of a name below the device's.
        effects: run on the thread that calls `receive`, and return at once.
        bucket: how many are taken; best one that outlives a reconnect and a reload.
        tally: counts that go on through a reload; None: they begin here.
        """
        self._keys = {topic(f"{key}/set"): key for key in effects}
        self._effects = dict(effects)
        self._bucket = bucket
        self._tally = tally or Tally()

    @property
    def taken(self) -> int:
        """How many were carried out."""
        return self._tally.taken

    @property
    def refused(self) -> int:
        """How many were wrong."""
        return self._tally.refused

    @property
    def topics(self) -> list[str]:
        """What to subscribe to."""
        return list(self._keys)

    def receive(self, topic: str, payload: bytes, *, retained: bool) -> None:
        """Carry a command out, or refuse it."""
        key = self._keys.get(topic, "")
        if not key:
            return
        try:
            value = self._read(key, payload, retained=retained)
        except ValueError as error:
            self._refuse(key, error)
            return
        self._tally.taken += 1
        log.info("command: %s = %s", key, value)
        self._effects[key](value)

    def _read(self, key: str, payload: bytes, *, retained: bool) -> str | float:
        if retained:
            raise ValueError("a retained command is an old one")
        if len(payload) > MAX_BYTES:
            raise ValueError(f"longer than {MAX_BYTES} bytes")
        value = COMMANDS[key](payload)
        if not self._bucket.take():
            raise ValueError("too many commands")
        return value

    def _refuse(self, key: str, error: ValueError) -> None:
        """Count it; the payload itself stands in no log, since a stranger wrote it."""
        self._tally.refused += 1
        why = "no plain text" if isinstance(error, UnicodeDecodeError) else str(error)
        if f"{key}: {why}" not in self._tally.logged:
            self._tally.logged.add(f"{key}: {why}")
            log.warning("command: %s: refused, told once: %s", key, why)
