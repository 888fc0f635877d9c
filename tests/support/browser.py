"""A real Chromium, and axe-core, which checks a page for what hinders people."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.needs import lack, need


@contextmanager
def chromium() -> Iterator:
    """Start the browser; skip the test where it or Playwright is absent."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright has no wheel for this machine")
    program = need("chromium", "libatomic.so.1")  # the latter is what the driver of the browser is linked to
    rights = ["--no-sandbox"] if os.getuid() == 0 else []  # Chromium refuses root a sandbox
    with sync_api.sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=program, args=rights)
        yield made
        made.close()


def axe_source(folder: Path) -> str:
    """Return the source of axe-core, which npm brings: its licence keeps it out of this repository."""
    got = subprocess.run(
        [need("npm"), "install", "--no-audit", "--no-fund", "axe-core@4"], cwd=folder, capture_output=True, check=False
    )
    if got.returncode:
        lack("npm could not bring axe-core: is there a network?")
    return Path(folder / "node_modules/axe-core/axe.min.js").read_text()


def axe_findings(page, axe: str) -> list[tuple[str, str, str]]:
    """Return impact, rule and element of what axe finds on a page."""
    page.evaluate(axe)
    violations = page.evaluate("axe.run().then((result) => result.violations)")
    return [(v["impact"], v["id"], v["nodes"][0]["html"]) for v in violations]
