"""Random and damaged input, and a soak, in the small; `make fuzz` and `make soak` are the large ones."""

from __future__ import annotations

import gc

import pytest

from tests import fuzz, soak


@pytest.mark.timeout(300)
def test_a_few_thousand_wrong_inputs_crash_and_hang_nothing(tmp_path):
    log = tmp_path / "failures.jsonl"
    counts = fuzz.fuzz(4000, 7, 2, log)
    assert sum(counts.values()) == 4000
    assert fuzz.passed(fuzz.failures(log)), fuzz.failures(log)[:5]


def test_a_case_can_be_repeated_by_its_number():
    assert fuzz.dice_of(3, 14).random() == fuzz.dice_of(3, 14).random()


@pytest.mark.timeout(900)
def test_five_thousand_frames_leave_descriptors_threads_and_memory_as_they_were(tmp_path):
    gc.collect()  # what tests before this one left behind would be closed somewhere on the way
    gauge = soak.soak(5000, 20, tmp_path)
    passed, sentence = soak.verdict(gauge.samples, 5000, max_slope=200.0)
    assert passed, sentence
    assert gauge.alerts > 50
