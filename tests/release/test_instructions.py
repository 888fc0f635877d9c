"""A model that needs more instructions than at the last release is named."""

from __future__ import annotations

import pytest

from benchmarks.instructions import MODELS, budget, write_budget
from tests.release import instructions
from tests.release.step import Failed
from tests.support.program import ROOT

ALLOWED = {("x86_64", "mask"): 5.0}


def test_the_budget_has_every_model_that_ships_on_both_processors():
    shipped = {str(path.parent.relative_to(ROOT / "models")) for path in (ROOT / "models").rglob("model.tflite")}
    assert set(MODELS) == shipped
    assert set(budget()) == {(processor, model) for processor in ("x86_64", "aarch64") for model in MODELS}


@pytest.mark.parametrize("cost", [4.0, 5.0, 5.09])
def test_as_many_instructions_as_before_are_accepted(cost):
    assert instructions.excesses({("x86_64", "mask"): cost}, ALLOWED) == []


def test_more_instructions_than_before_are_named():
    assert instructions.excesses({("x86_64", "mask"): 5.2}, ALLOWED) == [
        "mask of x86_64: 5.20 M instructions per image, 5.00 M at the last release"
    ]


def test_a_model_without_a_budget_is_named():
    (found,) = instructions.excesses({("x86_64", "face/new"): 1.0}, ALLOWED)
    assert found.startswith("face/new of x86_64: no budget; fix: ")


@pytest.mark.parametrize(("count", "passes"), [(1.0, True), (1.5, False)])
def test_one_count_above_the_budget_fails_the_step(monkeypatch, count, passes):
    monkeypatch.setattr(instructions, "counters", lambda _root: {"x86_64": None})
    monkeypatch.setattr(instructions, "per_image_m", lambda model, _count: budget()["x86_64", model] * count)
    if passes:
        assert instructions.check(ROOT) == "6 counts, at most +0.0% of the last release"
    else:
        with pytest.raises(Failed, match=r"^6 of 6 counts above the budget$"):
            instructions.check(ROOT)


def test_the_budget_is_read_as_it_was_written(monkeypatch, tmp_path):
    monkeypatch.setattr("benchmarks.instructions.BUDGET", tmp_path / "budget.csv")
    write_budget(ALLOWED | {("aarch64", "mask"): 6.5})
    assert budget() == ALLOWED | {("aarch64", "mask"): 6.5}
