"""The table is whole, and the lines that it names are still there."""

from __future__ import annotations

import pytest

from tests.faults.rows import ROWS
from tests.support.program import ROOT


def test_there_are_36_rows_in_order():
    assert [row.number for row in ROWS] == list(range(1, 37))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row.number))
def test_each_row_names_tests_that_exist_and_a_line_that_is_there_once(row):
    for test in row.tests:
        path, _, name = test.partition("::")
        assert f"def {name.partition('[')[0]}(" in (ROOT / path).read_text()
    for line in row.lines:
        assert (ROOT / "edge" / line.path).read_text().count(line.text) == 1
