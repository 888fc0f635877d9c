"""What a package with a sink tests: the contract, and what it does."""

from pathlib import Path

from own_sink import AlertFile

from edge import testing


def test_it_keeps_the_contract_and_writes_a_row_per_alert(tmp_path: Path) -> None:
    """Give it the scenes of the demo, in which one person wears no mask."""
    file = tmp_path / "alerts.csv"
    testing.check_sink(AlertFile(file, "stop-7"))
    rows = file.read_text().splitlines()
    assert rows[0].startswith("stop-7,start,without_mask,")
    assert rows[-1].startswith("stop-7,end,without_mask,")
