"""What a package with a detector tests: the contract."""

from own_detector import MODEL, Mirrored

import edge
from edge import testing


def test_it_keeps_the_contract() -> None:
    """Give it frames of the demo, small ones, upright ones, black ones and noise."""
    testing.check_detector(Mirrored(edge.Model(MODEL)))
