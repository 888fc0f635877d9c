"""A delegate tried in a child process: each way to fail becomes a sentence, and none touches this process."""

from __future__ import annotations

import pytest

from edge import paths
from edge.delegate import Delegate, trial
from tests.support.delegates import BAD_FILES, FAILURES, bad_file, patience_s

MASK = paths.models() / "mask"
VERIFIER = paths.models() / "face/verifier"


def fault(library, mode="works", folders=(MASK,)) -> str:
    return trial.fault(Delegate(str(library), {"mode": mode}, patience_s(mode)), folders, threads=1)


def test_a_delegate_that_gives_the_results_of_the_cpu_has_no_fault(library):
    assert fault(library, folders=[MASK, VERIFIER]) == ""


@pytest.mark.parametrize("mode", FAILURES)
def test_each_failure_has_its_sentence(library, mode):
    assert FAILURES[mode] in fault(library, mode)


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_file_that_is_no_delegate_is_named(tmp_path, name):
    assert BAD_FILES[name][1] in fault(bad_file(name, tmp_path))


def test_the_model_that_fails_is_named(library):
    assert "the model verifier gives" in fault(library, "rubbish", [VERIFIER])
