"""What a challenger has to show on labelled images, on outcomes made by hand."""

from __future__ import annotations

import numpy as np

from edge.evaluation.acceptance import LEAST_BARE, Limits, above_floor, no_slice_falls, not_worse, on_labelled_images
from edge.evaluation.dataset import LABELS
from edge.evaluation.paired import PairedFaces

BARE = LABELS.index("without_mask")


def faces(right, slices=None, label=BARE):
    """Return faces, one per image, with what champion and challenger got right, bool (F, 2)."""
    correct = np.array(right, bool)
    whole = {"all": np.ones(len(correct), bool)} if slices is None else slices
    return PairedFaces(np.arange(len(correct)), np.full(len(correct), label), correct, whole)


def outcomes(both, only_champion=0, only_challenger=0, neither=0):
    return [[1, 1]] * both + [[1, 0]] * only_champion + [[0, 1]] * only_challenger + [[0, 0]] * neither


def test_an_equal_challenger_passes_every_check():
    found = on_labelled_images(faces(outcomes(1800, 20, 20)), Limits())
    assert [(finding.check, finding.passes) for finding in found] == [
        ("not worse", True),
        ("slices", True),
        ("worst slice", True),
    ]


def test_too_few_images_are_refused_with_the_number_that_is_missing():
    finding = not_worse(faces(outcomes(1700)), 0.02)
    assert not finding.passes
    assert finding.sentence.startswith("1,700 labelled images are too few to decide; fix: label 100 more, or raise")


def test_faces_of_one_image_are_one_value():
    crowd = PairedFaces(np.zeros(5000, int), np.full(5000, BARE), np.ones((5000, 2), bool), {})
    assert not_worse(crowd, 0.02).sentence.startswith("1 labelled images are too few")


def test_a_challenger_that_is_worse_by_the_margin_is_refused():
    finding = not_worse(faces(outcomes(1900, 60, 20)), 0.02)
    assert not finding.passes
    assert "-2.0 points" in finding.sentence


def test_a_slice_that_falls_is_named():
    n = 2000
    right = outcomes(n - 40, 40)
    small = np.zeros(n, bool)
    small[-400:] = True
    finding = no_slice_falls(faces(right, {"16-24 px": small, "80- px": ~small}), 0.03)
    assert not finding.passes
    assert finding.sentence == "slices fall by more than 3 points: 16-24 px by 10.0 points of 400 images"


def test_a_fall_in_a_small_slice_may_be_chance():
    small = np.zeros(500, bool)
    small[-30:] = True
    finding = no_slice_falls(faces(outcomes(498, 2), {"profile": small}), 0.03)
    assert finding.passes
    assert finding.sentence.endswith("profile, -6.7 points")


def test_a_certain_fall_within_the_limit_is_no_fall():
    assert no_slice_falls(faces(outcomes(9_800, 200)), 0.03).passes


def test_the_floor_holds_for_the_worst_slice_with_enough_bare_faces():
    n = LEAST_BARE
    right = outcomes(n // 2) + outcomes(0, 0, 0, n - n // 2) + outcomes(500)
    dark = np.arange(len(right)) < n
    found = above_floor(faces(right, {"dark": dark, "bright": ~dark}), 0.75)
    assert not found.passes
    assert "0.500" in found.sentence
    assert found.sentence.endswith("slice, dark")
    fewer = dark & (np.arange(len(right)) > 0)
    assert above_floor(faces(right, {"dark": fewer, "bright": ~dark}), 0.75).passes


def test_the_floor_counts_what_the_challenger_finds():
    assert not above_floor(faces(outcomes(100, 100)), 0.75).passes
    assert above_floor(faces(outcomes(100, 0, 100)), 0.75).passes


def test_without_bare_faces_the_floor_cannot_be_shown():
    assert not above_floor(faces(outcomes(2000), label=0), 0.75).passes
