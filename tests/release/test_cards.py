"""A model file without a row that names its hash, its licence and its origin is found."""

from __future__ import annotations

import hashlib

import pytest

from tests.release import cards
from tests.release.step import Failed
from tests.support.program import ROOT

SHA256 = hashlib.sha256(b"weights").hexdigest()


@pytest.fixture
def clone(tmp_path):
    """Return a clone whose only model lies in a folder below its card."""
    (tmp_path / "models/face/small").mkdir(parents=True)
    (tmp_path / "models/face/small/model.tflite").write_bytes(b"weights")
    (tmp_path / "models/face/LICENSE").write_text("MIT License\n")
    return tmp_path


def fault(clone, row: str) -> str:
    (clone / "models/face/CARD.md").write_text(
        f"# A card\n\n| file | sha256 | licence | origin |\n|---|---|---|---|\n{row}\n"
    )
    with pytest.raises(Failed, match=r"^1 faults in the cards$") as failed:
        cards.check(clone)
    return failed.value.log


def test_the_models_that_ship_have_their_cards():
    assert cards.check(ROOT) == "6 model files, each with hash, licence and origin"


def test_a_complete_row_is_enough(clone):
    (clone / "models/face/CARD.md").write_text(f"| `small/model.tflite` | `{SHA256}` | MIT | drawn |\n")
    assert cards.check(clone).startswith("1 model files")


def test_a_model_without_a_card_is_named(clone):
    with pytest.raises(Failed) as failed:
        cards.check(clone)
    assert failed.value.log.startswith("face/small/model.tflite has no row in a CARD.md of its folder or above")


def test_the_row_of_another_file_does_not_count(clone):
    assert "has no row" in fault(clone, f"| `large/model.tflite` | `{SHA256}` | MIT | drawn |")


def test_a_row_without_a_hash_is_named(clone):
    assert fault(clone, "| `small/model.tflite` | | MIT | drawn |") == "face/small/model.tflite: no sha256"


def test_the_hash_of_an_earlier_file_is_named(clone):
    found = fault(clone, f"| `small/model.tflite` | `{'0' * 64}` | MIT | drawn |")
    assert found == f"face/small/model.tflite: the card names the hash 000000000000..., the file has {SHA256}"


def test_a_row_without_an_origin_is_named(clone):
    assert fault(clone, f"| `small/model.tflite` | `{SHA256}` | MIT | |") == "face/small/model.tflite: no origin"


def test_a_licence_that_no_file_beside_it_gives_is_named(clone):
    found = fault(clone, f"| `small/model.tflite` | `{SHA256}` | Apache-2.0 | drawn |")
    assert found == "face/small/model.tflite: no LICENSE beside it names Apache-2.0"
