"""Calibration of logits: temperature, the shift of the third class, the coverage curve behind `unsure`."""

from __future__ import annotations

import numpy as np
import pytest

from edge.classify.mask import softmax
from models.train.mask.confidence import coverage_curve, rare_shift, temperature


def drawn(seed: int, count: int = 4000, rare: float = 0.03) -> tuple[np.ndarray, np.ndarray]:
    """Return calibrated logits (N, 3) of an imperfect classifier, and labels (N,) sampled from their probabilities."""
    rng = np.random.default_rng(seed)
    prior = np.log([0.7 - rare, 0.3, rare])
    sides = rng.choice(3, count, p=np.exp(prior))
    evidence = rng.normal(0, 1, (count, 3)) + 2.5 * np.eye(3)[sides]
    logits = (2.5 * evidence + prior).astype(np.float32)
    cumulated = softmax(logits).cumsum(1)
    return logits, (rng.random((count, 1)) > cumulated).sum(1).clip(0, 2)


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.5])
def test_the_temperature_undoes_too_much_or_too_little_confidence(factor):
    logits, labels = drawn(1)
    assert temperature(logits * np.float32(factor), labels) == pytest.approx(factor, rel=0.1)


def test_a_third_class_that_was_too_frequent_in_training_is_lowered_and_a_calibrated_one_is_not():
    logits, labels = drawn(2, rare=0.1)
    eager = logits + np.array([0, 0, 2.0], np.float32)
    assert rare_shift(eager, labels) > rare_shift(logits, labels) + 0.5


def test_the_third_class_costs_at_most_one_point_of_accuracy():
    logits, labels = drawn(2, rare=0.02)
    eager = logits + np.array([0, 0, 3.0], np.float32)
    accuracy = {
        step: float(((eager - np.array([0, 0, step], np.float32)).argmax(1) == labels).mean())
        for step in (0.0, rare_shift(eager, labels), 2.0)
    }
    without, chosen, most = accuracy.values()
    assert without < most - 0.02
    assert chosen > most - 0.012


def test_the_shift_is_repeatable():
    assert rare_shift(*drawn(4)) == rare_shift(*drawn(4))


def test_the_faces_with_the_least_confidence_have_the_most_errors():
    logits, labels = drawn(3)
    thresholds, coverage, error = np.array(coverage_curve(softmax(logits), labels)).T
    assert (np.diff(coverage) <= 0).all()
    assert coverage[0] > 0.99
    assert error[thresholds > 0.9].max() < 0.5 * error[0]
