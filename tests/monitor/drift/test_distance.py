"""Distances of histograms by hand and by scipy, and accuracy estimated without labels."""

from __future__ import annotations

import numpy as np
import pytest

from edge.monitor.drift.distance import ks, ks_limit, psi, psi_limit
from edge.monitor.drift.estimate import FIELDS, Calibrated, added
from edge.monitor.drift.quantities import LABELS
from edge.monitor.drift.reference import CONFIDENCES, Calibration
from edge.monitor.drift.state import restore, save
from edge.monitor.drift.windows import Windows
from tests.support.drift import DETECTOR, REFERENCE, drawn, fed


def test_psi_is_that_of_the_textbook():
    actual, expected = np.array([30_000, 70_000]), np.array([50_000, 50_000])
    by_hand = (0.3 - 0.5) * np.log(0.3 / 0.5) + (0.7 - 0.5) * np.log(0.7 / 0.5)
    assert psi(actual, expected) == pytest.approx(by_hand, rel=1e-3)


def test_an_empty_bin_makes_no_infinite_psi():
    assert np.isfinite(psi(np.array([0, 10]), np.array([10, 0])))


def test_ks_of_binned_values_is_that_of_scipy():
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, 8, 400), rng.integers(1, 8, 300)
    binned = [np.bincount(values, minlength=8) for values in (one, other)]
    assert ks(*binned) == pytest.approx(stats.ks_2samp(one, other).statistic)


def test_a_baseline_of_few_faces_raises_the_limits():
    spread = (0.1, 0.02)
    assert psi_limit(spread, 150, 1e9) == pytest.approx(0.16)
    assert psi_limit(spread, 150, 150) == pytest.approx(0.32)
    assert ks_limit(spread, 150, 150) == pytest.approx(0.16 * 2**0.5)


def test_what_counts_as_no_change_is_none_even_where_the_reference_never_varies():
    assert psi_limit((0.0, 0.0), 150, 1e9) == pytest.approx(0.1)
    assert psi_limit((0.0, 0.0), 150, 150) == pytest.approx(0.2)


def calibrated(right: float = 0.9, bare: float = 0.2, spread: float = 1.0) -> Calibrated:
    names, cells = [mask.value for mask in LABELS], len(CONFIDENCES) + 1
    tables = {"right": dict.fromkeys(names, (right,) * cells), "bare": dict.fromkeys(names, (bare,) * cells)}
    tables["bare"]["without_mask"] = (right,) * cells
    return Calibrated(Calibration(fitted_on="a test", faces=1, spread=spread, **tables))


def verdicts(*counts: int):
    labels = np.repeat(np.arange(len(LABELS)), counts)
    return labels, np.full(len(labels), 0.8, np.float32)


def test_estimates_are_the_sums_of_calibrated_probabilities():
    model = calibrated()
    sums = added([model.sums(*verdicts(600, 300, 0, 100))])
    accuracy, precision, recall = model.accuracy(sums), model.precision(sums), model.recall(sums)
    assert accuracy.share == pytest.approx(0.9)
    assert accuracy.high - accuracy.share == pytest.approx(1.645 * (0.09 / 900) ** 0.5)
    assert precision.share == pytest.approx(0.9)
    assert recall.share == pytest.approx(270 / (270 + 140))


def test_an_interval_wider_than_five_points_to_a_side_is_no_estimate():
    model = calibrated(right=0.8)
    assert model.accuracy(model.sums(*verdicts(50, 50, 0, 0))) is None
    assert model.accuracy(model.sums(*verdicts(400, 400, 0, 0))) is not None


def test_nothing_is_estimated_of_no_faces():
    model = calibrated()
    assert [model.accuracy(added([])), model.precision(added([])), model.recall(added([]))] == [None] * 3
    assert len(added([])) == len(FIELDS)


def test_the_interval_holds_the_true_share_in_nine_of_ten_windows():
    model, rng = calibrated(), np.random.default_rng(0)
    held = 0
    for _ in range(1000):
        estimate = model.accuracy(model.sums(*verdicts(300, 300, 0, 0)))
        held += estimate.low <= rng.binomial(600, 0.9) / 600 <= estimate.high
    assert 870 <= held <= 930


def test_what_was_learned_survives_a_restart(tmp_path):
    windows, after = Windows(REFERENCE, DETECTOR), Windows(REFERENCE, DETECTOR)
    fed(windows, drawn(1500))
    assert save(tmp_path / "drift.npz", windows)
    restore(tmp_path / "drift.npz", after)
    assert after.baseline.learned
    assert np.array_equal(after.baseline.hours, windows.baseline.hours)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut short"])
def test_a_damaged_state_file_is_ignored_with_a_warning(tmp_path, caplog, content):
    (tmp_path / "drift.npz").write_bytes(content)
    windows = Windows(REFERENCE, DETECTOR)
    restore(tmp_path / "drift.npz", windows)
    assert not windows.baseline.learned
    assert "learned anew" in caplog.text


def test_a_state_file_with_negative_counts_is_ignored(tmp_path, caplog):
    windows, after = Windows(REFERENCE, DETECTOR), Windows(REFERENCE, DETECTOR)
    fed(windows, drawn(1500))
    windows.baseline.hours[9] = -1
    save(tmp_path / "drift.npz", windows)
    restore(tmp_path / "drift.npz", after)
    assert after.baseline.faces == 0
    assert "negative" in caplog.text


def test_a_folder_that_cannot_be_written_to_is_no_error(tmp_path):
    assert not save(tmp_path / "absent" / "drift.npz", Windows(REFERENCE, DETECTOR))
