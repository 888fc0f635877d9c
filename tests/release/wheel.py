"""The wheel is the same to the byte, whichever folder it is built in."""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path

from tests.release.step import Failed, copy, program, run

OUTPUT = "build/release"


def check(root: Path) -> str:
    """Build the wheel twice and keep it in build/release; return its size and hash."""
    epoch = run("git", "log", "-1", "--format=%ct", cwd=root).strip()
    with copy(root, "one") as one, copy(root, "another/deeper", backwards=True) as another:
        wheels = build(one, epoch, TZ="UTC"), build(another, epoch, TZ="Asia/Tokyo", PYTHONHASHSEED="7")
        same(*wheels)
        (root / OUTPUT).mkdir(parents=True, exist_ok=True)
        kept = Path(shutil.copy(wheels[0], root / OUTPUT))
    return f"{kept.name}, {kept.stat().st_size / 1e6:.1f} MB, sha256 {digest(kept)[:16]}..., twice the same"


def build(clone: Path, epoch: str, **environment: str) -> Path:
    """Return the wheel of a copy of the clone."""
    words = ("-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation")
    target = clone.parent / "wheel"
    run(sys.executable, *words, "--wheel-dir", target, ".", cwd=clone, SOURCE_DATE_EPOCH=epoch, **environment)
    (wheel,) = target.glob("*.whl")
    return wheel


def same(one: Path, another: Path) -> None:
    """Compare two wheels: their names, bytes, and what diffoscope finds.

    Raises:
        Failed: they differ; the log is diffoscope's.
    """
    differs = one.name != another.name or digest(one) != digest(another)
    diffoscope = program("diffoscope", "diffoscope-minimal")
    try:
        found = run(diffoscope, one, another, cwd=one.parent)
    except Failed as failed:
        raise Failed(f"two builds of {one.name} differ", failed.log) from failed
    if differs or found:
        raise Failed(f"two builds of {one.name} differ", found or f"{one.name} and {another.name}")


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
