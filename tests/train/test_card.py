"""The card's first paragraph states what carries over to faces of sources that were left out of training."""

from __future__ import annotations

from models.train.mask.card_text import _carries

MASKED, BARE, WRONG = "with_mask", "without_mask", "incorrect_mask"
LEFT_OUT = {
    "table": {
        "without_a on a": {
            MASKED: {"recall": 0.9, "n": 100},
            BARE: {"recall": 0.8, "n": 50},
            WRONG: {"recall": 0.4, "n": 5},
        },
        "without_b on b": {MASKED: {"recall": 0.6, "n": 200}, BARE: {"recall": 1.0, "n": 50}},
        "without_a on test": {MASKED: {"recall": 0.0, "n": 500}},
        "shipped on a": {MASKED: {"recall": 1.0, "n": 500}},
    },
    "no_face": {"backgrounds_rejected": 0.7, "faces_rejected": 0.002},
}
REPORT = {
    "slices": {
        "scenes_macwinwin": {
            f"drawn {p}": {WRONG: {"recall": r}} for p, r in [("chin", 0.91), ("forehead", 0.52), ("one ear", 0.33)]
        }
    },
    "third_class": {MASKED: 1, BARE: 1, WRONG: 6, "unsure": 1, "missed": 1},
}


def test_the_first_paragraph_has_the_recalls_on_left_out_sources_and_of_no_other():
    words = " ".join(_carries(REPORT, LEFT_OUT).split())
    assert "classified 70.0% of the masks and 90.0% of the bare faces correctly" in words
    assert "street scenes it recognised 40%, and of `crops_incorrect_devtest` this model recognises 60%" in words
    assert "91%, 52% and 33% are classified" in words
    assert "in 70% of the cases on left-out scenes, at the cost of 0.2% of the faces" in words
