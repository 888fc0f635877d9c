"""Version, changelog and git state what is released in the same way."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tests.release.step import Failed, run


def check(root: Path) -> str:
    """Return the version, and whether the changelog has its date yet."""
    version = run(sys.executable, "setup.py", "--quiet", "--version", cwd=root).strip().splitlines()[-1]
    heading, state = top_section(root / "CHANGELOG.md")
    wrong = [*disagreements(version, package_version(root), heading), *git_faults(root, version, state)]
    if wrong:
        raise Failed(f"version {version}: {len(wrong)} disagreements", "\n".join(wrong))
    return f"{version}, {state} in CHANGELOG.md, nothing uncommitted"


def package_version(root: Path) -> str:
    """Return `edge.__version__` of the clone."""
    code = "import sys; sys.path.insert(0, '.'); import edge; print(edge.__version__)"
    return run(sys.executable, "-c", code, cwd=root).strip()


def top_section(changelog: Path) -> tuple[str, str]:
    """Return the version of the newest section, and its date or "unreleased"."""
    found = re.search(r"^## (\S+) \((unreleased|\d{4}-\d{2}-\d{2})\)$", changelog.read_text("utf-8"), re.MULTILINE)
    if found is None:
        raise Failed("CHANGELOG.md has no section; fix: ## VERSION (YYYY-MM-DD or unreleased)")
    return found[1], found[2]


def disagreements(setup: str, package: str, changelog: str) -> list[str]:
    """Return which of three places states another version than setup.py."""
    places = {"edge.__version__": package, "the newest section of CHANGELOG.md": changelog}
    return [f"{place} is {version}, setup.py {setup}" for place, version in places.items() if version != setup]


def git_faults(root: Path, version: str, state: str) -> list[str]:
    """Return where git contradicts the version: uncommitted files, or a tag that is elsewhere."""
    wrong = []
    if changed := run("git", "status", "--porcelain", cwd=root):
        wrong.append(f"uncommitted:\n{changed}")
    here = set(run("git", "tag", "--points-at", "HEAD", cwd=root).split())
    everywhere = set(run("git", "tag", cwd=root).split())
    tag = f"v{version}"
    wrong += [
        f"the tag {other} is on this commit, which is {tag}" for other in here if other[:1] == "v" and other != tag
    ]
    if tag in everywhere - here:
        wrong.append(f"{tag} is the tag of another commit; fix: raise edge.__version__")
    if tag in here and state == "unreleased":
        wrong.append(f"{tag} is the tag of this commit, and CHANGELOG.md calls it unreleased")
    return wrong
