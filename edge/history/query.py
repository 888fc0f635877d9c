"""Which part of the history is asked for, as typed on a command line or sent by the web page."""

from __future__ import annotations

import re
from dataclasses import dataclass

from edge.clock import seconds_of, utc
from edge.history.records import LABELS

_UNITS_S = {"s": 1, "min": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_LENGTH = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)\s*(s|min|h|d|w)?")


@dataclass(frozen=True, slots=True)
class Query:
    """Which episodes are asked for.

    since, until: seconds since 1970, the first included, the second not.  at_least_s, at_most_s: bounds of the
    duration, which leave out episodes whose duration is not known.
    """

    since: float | None = None
    until: float | None = None
    label: str | None = None
    at_least_s: float | None = None
    at_most_s: float | None = None


def parse(
    now: float,
    *,
    since: str = "",
    until: str = "",
    label: str = "",
    at_least: str = "",
    at_most: str = "",
) -> Query:
    """Return the query of texts, of which an empty one asks for everything. now: seconds since 1970.

    Raises:
        ValueError: a text is not of its kind; the sentence names it.
    """
    if label and label not in LABELS:
        raise ValueError(f"label: {label}: must be one of {', '.join(LABELS)}")
    return Query(
        since=moment(since, now, "since"),
        until=moment(until, now, "until"),
        label=label or None,
        at_least_s=length_s(at_least, "at least"),
        at_most_s=length_s(at_most, "at most"),
    )


def moment(text: str, now: float, name: str) -> float | None:
    """Return a time in seconds since 1970: ISO 8601, local unless it names its zone, or an age such as 7d or 90min.

    Raises:
        ValueError: it is neither.
    """
    if not text:
        return None
    if _LENGTH.fullmatch(text) and not text.isdecimal():
        return now - (length_s(text, name) or 0.0)
    try:
        return seconds_of(text)
    except (ValueError, OverflowError, OSError):
        example = utc(now).partition("T")[0]
        sentence = f"{name}: {text}: must be a time such as {example} or {example}T08:00, or an age such as 7d"
        raise ValueError(sentence) from None


def length_s(text: str, name: str) -> float | None:
    """Return a length of time in seconds, such as 90, 90s, 5min, 2h, 7d, 4w.

    Raises:
        ValueError: it is none.
    """
    if not text:
        return None
    match = _LENGTH.fullmatch(text)
    if not match:
        raise ValueError(f"{name}: {text}: must be a length of time such as 30s, 5min, 2h or 7d")
    return float(match[1]) * _UNITS_S[match[2] or "s"]
