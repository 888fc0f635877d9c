"""`make release-check`: a line for each step, the log of one that fails, and the exit status."""

from __future__ import annotations

import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from tests.release import __main__ as release
from tests.release.step import Failed, copy, program, run, tracked
from tests.support.program import ROOT, environment


def sound(_root: Path) -> str:
    return "all of [it]"


def failing(_root: Path) -> str:
    raise Failed("two of it", "the log\nwith [two] lines")


def crashing(_root: Path) -> str:
    raise KeyError("gone")


def printed(**steps) -> tuple[list[bool], str]:
    output = StringIO()
    console = Console(width=150, file=output)
    results = release.run(steps, ROOT, console)
    console.print(release.table(results))
    return [outcome.passed for outcome in results], output.getvalue()


def test_a_step_prints_one_line_and_its_row_in_the_table():
    passed, output = printed(one=sound)
    assert passed == [True]
    assert output.splitlines()[0] == "one: passed in 0 s: all of [it]"
    assert "1 of 1 steps passed" in output
    assert output.count("all of [it]") == 2


def test_the_log_of_a_step_that_fails_is_printed_and_the_others_still_run():
    passed, output = printed(one=failing, two=crashing, three=sound)
    assert passed == [False, False, True]
    assert output.splitlines()[:3] == ["one: FAILED in 0 s: two of it", "the log", "with [two] lines"]
    assert "two: FAILED in 0 s: KeyError('gone')\nTraceback" in output
    assert "1 of 3 steps passed" in output


def test_the_exit_status_is_1_when_a_step_fails(monkeypatch):
    for step, status in ((sound, 0), (failing, 1)):
        monkeypatch.setattr(release, "STEPS", {"cards": step})
        monkeypatch.setattr(sys, "argv", ["release", "--only", "cards"])
        assert release.main() == status


def test_only_the_steps_that_are_asked_for_run():
    words = [sys.executable, "-m", "tests.release", "--only", "cards,documents", "--without", "documents"]
    done = subprocess.run(words, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert [line for line in done.stdout.splitlines() if " s: " in line] == [done.stdout.splitlines()[0]]
    assert done.stdout.startswith("cards: passed")
    assert done.returncode == 0


def test_a_step_that_does_not_exist_is_one_sentence():
    words = [sys.executable, "-m", "tests.release", "--only", "cards,wheels"]
    done = subprocess.run(words, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no step is called wheels; there are: version, cards" in done.stderr


def test_a_program_that_fails_leaves_its_output_in_the_log(tmp_path):
    with pytest.raises(Failed, match=r"^sh -c echo out; exit 3: exit status 3$") as failed:
        run("sh", "-c", "echo out; exit 3", cwd=tmp_path)
    assert failed.value.log == "out\n"


def test_a_program_that_is_absent_is_named_with_its_package():
    with pytest.raises(Failed, match=r"^nothing-such is not installed; fix: sudo apt install some-package"):
        program("nothing-such", "some-package")


def test_a_copy_has_the_tracked_files_and_no_others(tmp_path):
    run("git", "init", "-q", ".", cwd=tmp_path)
    for name in ("kept.txt", "deep/kept.txt", "other.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    run("git", "add", "kept.txt", "deep", cwd=tmp_path)
    assert tracked(tmp_path) == [Path("deep/kept.txt"), Path("kept.txt")]
    with copy(tmp_path, "a/b") as folder:
        assert sorted(path.read_text() for path in folder.rglob("*.txt")) == ["deep/kept.txt", "kept.txt"]
