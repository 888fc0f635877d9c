"""The steps that make the small detector: what is done again, and what is not."""

from __future__ import annotations

import pytest

from models.train.face.pipeline import Step, run


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source"
    path.write_text("a")
    return path


class Command:
    """A command that adds a letter to its result, as training adds steps."""

    def __call__(self, step: Step) -> None:
        before = step.result.read_text() if step.result.exists() else ""
        step.result.write_text(before + "x")


def step(source, *, resumed: bool = False) -> Step:
    return Step("any", ("--option",), (source,), source.with_name("result"), resumed)


def test_a_step_is_skipped_until_its_input_changes(source):
    for _ in range(2):
        run(step(source), Command())
        assert step(source).result.read_text() == "x"
    step(source).result.write_text("kept")
    run(step(source), Command())
    assert step(source).result.read_text() == "kept"
    source.write_text("b")
    run(step(source), Command())
    assert step(source).result.read_text() == "x"


def test_training_continues_unless_an_input_has_changed(source):
    for _ in range(3):
        run(step(source, resumed=True), Command())
    assert step(source).result.read_text() == "xxx"
    source.write_text("b")
    run(step(source, resumed=True), Command())
    assert step(source).result.read_text() == "x"


def test_interrupted_training_continues(source):
    def interrupted(step: Step) -> None:
        step.result.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(step(source, resumed=True), interrupted)
    run(step(source, resumed=True), Command())
    assert step(source).result.read_text() == "halfx"
