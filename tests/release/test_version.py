"""A version, changelog or git state that contradicts the others is named."""

from __future__ import annotations

import pytest

from tests.release import version
from tests.release.step import Failed, run

SETUP = """\
from pathlib import Path
from setuptools import setup
setup(name="maskwatch", version=Path("VERSION").read_text(), packages=[])
"""


@pytest.fixture
def clone(tmp_path):
    """Return a committed clone of version 1.2.0."""
    (tmp_path / "edge").mkdir()
    (tmp_path / "edge/__init__.py").write_text('__version__ = "1.2.0"\n')
    (tmp_path / "setup.py").write_text(SETUP)
    (tmp_path / "VERSION").write_text("1.2.0")
    (tmp_path / "CHANGELOG.md").write_text("# Changes\n\n## 1.2.0 (unreleased)\n\n## 1.1.0 (2026-01-01)\n")
    (tmp_path / ".gitignore").write_text("__pycache__/\n*.egg-info/\nbuild/\n")
    run("git", "init", "-q", ".", cwd=tmp_path)
    commit(tmp_path)
    return tmp_path


def commit(clone) -> None:
    run("git", "add", ".", cwd=clone)
    author = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    run("git", *author, "commit", "-q", "--allow-empty", "-m", "A change", cwd=clone)


def faults(clone) -> str:
    with pytest.raises(Failed, match=r"disagreements$") as failed:
        version.check(clone)
    return failed.value.log


def test_what_agrees_is_accepted(clone):
    assert version.check(clone) == "1.2.0, unreleased in CHANGELOG.md, nothing uncommitted"


def test_a_dated_section_with_its_tag_is_accepted(clone):
    (clone / "CHANGELOG.md").write_text("## 1.2.0 (2026-11-27)\n")
    commit(clone)
    run("git", "tag", "v1.2.0", cwd=clone)
    assert version.check(clone) == "1.2.0, 2026-11-27 in CHANGELOG.md, nothing uncommitted"


def test_a_package_of_another_version_is_named(clone):
    (clone / "edge/__init__.py").write_text('__version__ = "1.3.0"\n')
    commit(clone)
    assert faults(clone) == "edge.__version__ is 1.3.0, setup.py 1.2.0"


def test_a_changelog_of_another_version_is_named(clone):
    (clone / "CHANGELOG.md").write_text("## 1.1.0 (2026-01-01)\n")
    commit(clone)
    assert faults(clone) == "the newest section of CHANGELOG.md is 1.1.0, setup.py 1.2.0"


def test_a_changelog_without_a_section_is_named(clone):
    (clone / "CHANGELOG.md").write_text("# Changes\n")
    with pytest.raises(Failed, match=r"^CHANGELOG\.md has no section"):
        version.check(clone)


def test_what_is_not_committed_is_named(clone):
    (clone / "new.txt").write_text("")
    assert faults(clone) == "uncommitted:\n?? new.txt\n"


def test_the_tag_of_another_version_is_named(clone):
    run("git", "tag", "v1.1.0", cwd=clone)
    assert faults(clone) == "the tag v1.1.0 is on this commit, which is v1.2.0"


def test_a_version_that_is_released_already_is_named(clone):
    run("git", "tag", "v1.2.0", cwd=clone)
    commit(clone)
    assert faults(clone) == "v1.2.0 is the tag of another commit; fix: raise edge.__version__"


def test_a_release_that_the_changelog_calls_unreleased_is_named(clone):
    run("git", "tag", "v1.2.0", cwd=clone)
    assert faults(clone) == "v1.2.0 is the tag of this commit, and CHANGELOG.md calls it unreleased"
