"""The table of brokers holds, row by row."""

from __future__ import annotations

import pytest

from tests import brokers


@pytest.mark.long
@pytest.mark.parametrize("case", brokers.CASES, ids=lambda case: case.name)
def test_a_broker_of_every_kind_gets_what_it_takes_and_what_it_does_not_is_named(case, monkeypatch):
    monkeypatch.setattr("edge.publish.session._UNRESPONSIVE_S", brokers.UNRESPONSIVE_S)
    assert brokers.tried(case).faults(case.expected) == []
