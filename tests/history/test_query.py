"""What a user types to find something in the history."""

from __future__ import annotations

import time

import pytest

from edge.history.query import Query, length_s, parse

NOW = 1_800_000_000.0


def test_nothing_typed_asks_for_everything():
    assert parse(NOW) == Query()


@pytest.mark.parametrize(
    ("text", "since"),
    [
        ("7d", NOW - 7 * 86_400),
        ("36h", NOW - 36 * 3600),
        ("90min", NOW - 5400),
        ("1.5h", NOW - 5400),
        ("2026-11-20", time.mktime((2026, 11, 20, 0, 0, 0, 0, 0, -1))),
        ("20261120", time.mktime((2026, 11, 20, 0, 0, 0, 0, 0, -1))),
        ("2026-11-20T08:00", time.mktime((2026, 11, 20, 8, 0, 0, 0, 0, -1))),
        ("2026-11-20T08:00:00.000Z", 1_795_161_600.0),
        ("2026-11-20 08:00+01:00", 1_795_158_000.0),
    ],
)
def test_a_time_is_a_date_or_an_age(text, since):
    assert parse(NOW, since=text).since == since
    assert parse(NOW, until=text).until == since


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("5min", 300), ("5 min", 300), ("2h", 7200), ("1w", 604_800)]
)
def test_a_length_of_time_has_a_unit(text, seconds):
    assert length_s(text, "at least") == seconds


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"since": "yesterday"}, "since: yesterday: must be a time such as"),
        ({"until": "99999-01-01"}, "until: 99999-01-01: must be a time"),
        ({"label": "masked"}, "label: masked: must be one of with_mask, without_mask, incorrect_mask"),
        ({"at_least": "long"}, "at least: long: must be a length of time"),
        ({"at_most": "-5"}, "at most: -5: must be a length"),
        ({"at_most": "9" * 400}, "at most: 9"),
    ],
)
def test_what_is_none_is_named(asked, sentence):
    with pytest.raises(ValueError, match=f"^{sentence}"):
        parse(NOW, **asked)
