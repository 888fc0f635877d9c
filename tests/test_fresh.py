"""What a new user meets: the README's packages, setup-apt.sh, and tests that skip instead of installing."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.needs import PACKAGES, need
from tests.support.program import ROOT

README = (ROOT / "README.md").read_text()
SCRIPT = ROOT / "setup-apt.sh"


def listed(*kinds: str) -> list[str]:
    return subprocess.run([SCRIPT, "--print", *kinds], capture_output=True, text=True, check=True).stdout.split()


def test_the_first_line_of_the_readme_installs_what_a_run_uses():
    (line,) = re.findall(r"^    sudo apt install (git .*)$", README, re.MULTILINE)
    assert line.split() == listed("run")


def test_setup_apt_knows_the_package_of_everything_that_a_test_skips_for():
    assert set(PACKAGES.values()) - set(listed("run", "test", "long")) == set()


@pytest.fixture
def apt(tmp_path) -> Path:
    """Return a folder for PATH whose apt-get and sudo only write down what they are called with."""
    for name, line in (("apt-get", 'echo "apt-get $@"'), ("sudo", 'echo "sudo $@"'), ("id", "echo $MASKWATCH_UID")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / name).chmod(0o755)
    return tmp_path


def setup_apt(apt: Path, uid: int, *words: str) -> list[str]:
    env = {"PATH": f"{apt}:{os.environ['PATH']}", "MASKWATCH_UID": str(uid)}
    done = subprocess.run([SCRIPT, *words], env=env, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).splitlines()


def test_setup_apt_names_each_package_and_its_reason_before_apt_asks(apt):
    printed = setup_apt(apt, 1000)
    assert [printed[0], printed[-1]] == [
        "to run:",
        f"sudo apt-get install --no-install-recommends {' '.join(listed())}",
    ]
    for package in listed():
        assert re.search(rf"^  {re.escape(package)} +\w", "\n".join(printed), re.MULTILINE), package


def test_apt_asks_unless_the_caller_passes_yes(apt):
    assert "--yes" not in "".join(setup_apt(apt, 0))
    assert (
        setup_apt(apt, 0, "run", "--yes")[-1]
        == f"apt-get install --no-install-recommends --yes {' '.join(listed('run'))}"
    )


def test_a_wrong_word_is_one_sentence(apt):
    assert setup_apt(apt, 0, "test", "--fast") == [
        "setup-apt.sh: --fast: unknown; use: setup-apt.sh [run] [test] [long] [release] [--yes] [--print]"
    ]


def test_no_target_but_setup_apt_installs_system_packages():
    targets = ["run", "test", "test-long", "check", "faults"]
    done = subprocess.run(["make", "-n", "-B", *targets], cwd=ROOT, capture_output=True, text=True, check=True)
    commands = re.sub(r'"[^"]*"', "", done.stdout)  # what is only printed
    assert "pytest" in commands
    assert re.findall(r"apt(?:-get)? .*install|setup-apt|needs", commands) == []


@pytest.mark.parametrize(("ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)])
@pytest.mark.parametrize("absent", ["no-such-program", "libnosuch.so.9"])
def test_what_is_absent_skips_a_test_and_fails_it_in_ci(monkeypatch, ci, outcome, absent):
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr("tests.support.needs.skipped", {absent: 0})
    reason = f"{absent} is not installed; fix: sudo apt install {absent}, or make setup-apt"
    with pytest.raises((pytest.skip.Exception, pytest.fail.Exception), match=reason) as raised:
        need("sh", absent)
    assert raised.type is outcome


def test_a_program_in_sbin_is_found_by_a_user_without_it_on_the_path():
    assert {"/usr/sbin", "/sbin"} <= set(os.environ["PATH"].split(":"))
    assert need("sh").endswith("/sh")
