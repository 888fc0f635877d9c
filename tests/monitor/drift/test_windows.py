"""Windows of faces: what counts as drift, what does not, and how much memory they take."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from edge.errors import ModelError
from edge.monitor.drift.quantities import BINS, EDGES, QUANTITIES, bins_of, histograms
from edge.monitor.drift.reference import FILE, read_reference
from edge.monitor.drift.windows import Moved, Windows
from tests.support.drift import DETECTOR, MASK, REFERENCE, SPEC, drawn, fed


def size_bytes(value, seen: set[int]) -> int:
    """Return the memory of a value and of all that it refers to."""
    if id(value) in seen:
        return 0
    seen.add(id(value))
    if isinstance(value, np.ndarray):
        return sys.getsizeof(value) + (value.nbytes if value.base is not None else 0)
    parts = [*value, *value.values()] if isinstance(value, dict) else []
    if not isinstance(value, (dict, str, bytes, int, float, type(None))) and hasattr(value, "__iter__"):
        parts = list(value)
    names = [*getattr(value, "__dict__", {}), *getattr(type(value), "__slots__", ())]
    return sys.getsizeof(value) + sum(size_bytes(part, seen) for part in [*parts, *(getattr(value, n) for n in names)])


def windows_bytes(windows: Windows) -> int:
    """Return the memory of windows, without the reference, which is read only once."""
    return size_bytes(windows, {id(REFERENCE)})


@pytest.mark.parametrize(
    ("psi", "ks", "ordered", "ratio"), [(0.6, 0.1, True, 2.0), (0.15, 0.4, True, 4.0), (0.15, 0.4, False, 0.5)]
)
def test_the_distance_is_that_of_psi_or_of_ks_whichever_is_farther_from_chance(psi, ks, ordered, ratio):
    moved = Moved(psi, ks, 0.3, 0.1, 0.0, ordered)
    assert (moved.ratio, moved.beyond) == (pytest.approx(ratio), ratio > 1)


def test_faces_like_those_of_the_reference_are_no_drift():
    windows = Windows(REFERENCE, DETECTOR)
    assert set(fed(windows, drawn(3000))) == {()}


@pytest.mark.parametrize(
    ("moved", "cause"),
    [
        ({"brightness": -3, "sharpness": -2}, "darker images"),
        ({"brightness": 3}, "brighter images"),
        ({"sharpness": -3}, "blurred images"),
        ({"warmth": 3}, "colour cast"),
        ({"tint": 3}, "colour cast"),
        ({"face_px": -4, "sharpness": -2}, "smaller faces"),
        ({"face_px": 4}, "larger faces"),
        ({"label": 1}, "another mix of people"),
        ({"turn": -2}, "other poses"),
    ],
)
def test_two_windows_that_share_no_face_are_drift_and_its_cause_is_named(moved, cause):
    windows = Windows(REFERENCE, DETECTOR)
    fed(windows, drawn(300))
    seen = fed(windows, drawn(300, 1, **moved))
    assert seen[0] == ()
    assert cause in seen[-1]


def test_what_points_to_no_cause_must_last_for_longer():
    windows = Windows(REFERENCE, DETECTOR)
    fed(windows, drawn(300))
    seen = fed(windows, drawn(600, 1, score=-3))
    first = next(at for at, causes in enumerate(seen) if causes)
    assert seen[first] == ("other faces or another model behaviour",)
    with_cause = Windows(REFERENCE, DETECTOR)
    fed(with_cause, drawn(300))
    named = fed(with_cause, drawn(600, 1, brightness=-3))
    assert first - next(at for at, causes in enumerate(named) if causes) == 3


def test_a_group_of_fifty_strange_faces_is_no_drift():
    windows = Windows(REFERENCE, DETECTOR)
    values = np.concatenate([drawn(300), drawn(50, 1, brightness=-4), drawn(300, 2)])
    assert set(fed(windows, values)) == {()}


def test_a_covered_quarter_is_noticed_by_the_faces_that_are_missing_there_once_the_place_is_known():
    windows = Windows(REFERENCE, DETECTOR)
    fed(windows, drawn(1500))
    assert windows.baseline.learned
    values = drawn(1000, 3)
    place = values[:, QUANTITIES.index("place")].round()
    hidden = np.isin(place, (5, 6, 9, 10))
    seen = fed(windows, values[~hidden])
    assert "part of the lens covered" in seen[6]


def test_a_place_unlike_the_reference_is_learned_and_reported_as_unlike_it():
    windows = Windows(REFERENCE, DETECTOR)
    seen = fed(windows, drawn(3000, 4, face_px=4))
    assert "larger faces" in seen[6]
    assert seen[-1] == ()
    assert windows.unlike == ("larger faces",)


def test_nights_are_compared_with_nights_once_enough_of_them_were_seen():
    windows = Windows(REFERENCE, DETECTOR)
    for day in range(4):
        fed(windows, drawn(450, day))
        fed(windows, drawn(450, 10 + day, brightness=-4), hour=22)
    assert fed(windows, drawn(450, 20, brightness=-4), hour=22)[-1:] == [()]
    assert "darker images" in fed(windows, drawn(450, 21, brightness=-4))[-1]


def test_drift_does_not_become_the_rule():
    windows = Windows(REFERENCE, DETECTOR)
    fed(windows, drawn(1500))
    seen = fed(windows, drawn(6000, 5, brightness=-4))
    assert all("darker images" in causes for causes in seen[6:])


def test_scores_of_another_detector_are_not_compared_with_those_of_the_reference():
    windows = Windows(REFERENCE, "another")
    fed(windows, drawn(150))
    assert "score" not in windows.moved
    assert "confidence" in windows.moved


def test_what_is_not_measured_is_in_no_histogram():
    values = drawn(200)
    values[:, QUANTITIES.index("turn")] = np.nan
    assert histograms(bins_of(values))[QUANTITIES.index("turn")].sum() == 0
    windows = Windows(REFERENCE, DETECTOR)
    fed(windows, values)
    assert "turn" not in windows.moved


def test_memory_is_bounded_at_64_kib_however_many_faces_are_seen():
    windows = Windows(REFERENCE, DETECTOR)
    fed(windows, drawn(600))
    for hour in range(24):
        fed(windows, drawn(600, hour), hour=hour)
    first = windows_bytes(windows)
    for hour in range(24):
        fed(windows, drawn(1200, 50 + hour), hour=hour)
    assert windows_bytes(windows) - first <= 4096
    assert windows_bytes(windows) <= 64 * 1024


def test_no_reference_is_none(tmp_path: Path):
    assert read_reference(tmp_path, "") is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": "0" * 64}, "of another model"),
        ({"chunk": 1}, "chunk"),
        ({"more": 1}, "more"),
        ({"quantities": {}}, "quantities must be"),
    ],
)
def test_a_damaged_reference_is_refused_with_its_file_and_a_fix(tmp_path: Path, change, words):
    body = json.loads((MASK / FILE).read_text()) | change
    (tmp_path / FILE).write_text(json.dumps(body))
    with pytest.raises(ModelError, match=words) as caught:
        read_reference(tmp_path, SPEC.sha256)
    assert str(tmp_path / FILE) in str(caught.value)
    assert "fix:" in str(caught.value)


def test_a_histogram_has_a_column_for_every_bin():
    assert max(len(edges) + 1 for edges in EDGES.values()) == BINS
