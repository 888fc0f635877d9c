"""What the documents promise is there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("systemd/*.md"), *ROOT.glob("models/*/CARD.md")]


def named(document: Path) -> set[str]:
    return set(re.findall(r"`(test_\w+)`", document.read_text()))


def test_every_test_that_a_document_names_exists():
    written = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    for document in DOCUMENTS:
        missing = {name for name in named(document) if f"def {name}(" not in written}
        assert missing == set(), document.name


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_of_a_document_leads_somewhere(document):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_the_models_in_the_examples_of_contract_and_readme_are_those_that_ship():
    told = re.compile(r'"name":"([\w-]+)","version":"([\d.]+)",\s*"sha256":"(\w{64})"')
    specs = [tomllib.loads(path.read_text()) for path in ROOT.glob("models/**/model.toml")]
    ship = {(spec["name"], spec["version"], spec["sha256"]) for spec in specs}
    examples = told.findall((ROOT / "docs/mqtt.md").read_text())
    assert len(examples) == 5
    assert set(examples) <= ship
    in_short = re.findall(r'"name":"([\w-]+)","version":"([\d.]+)","sha256":"…"', (ROOT / "README.md").read_text())
    assert len(in_short) == 1
    assert set(in_short) <= {(name, version) for name, version, _ in ship}


def test_every_provision_of_the_standard_has_its_row():
    text = (ROOT / "SECURITY.md").read_text()
    assert [number for number in range(1, 14) if f"| 5.{number} " not in text] == []


def test_every_command_of_the_readme_is_one():
    from edge.cli import app

    commands = {command.name or command.callback.__name__ for command in app.registered_commands}
    used = set(re.findall(r"^\s+maskwatch (\w+)", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert used
    assert used <= commands


def test_every_setting_that_a_document_names_exists():
    from edge.settings.load import load

    known = set(load(system_file=Path("/nonexistent")).origins)
    sections = {key.split(".")[0] for key in known}
    for document in DOCUMENTS:
        keys = set(re.findall(r"`(?:--set )?([a-z]+\.[a-z_]+)(?:=[^`]*)?`", document.read_text()))
        wrong = {key for key in keys if key.split(".")[0] in sections and key not in known}
        assert wrong - {"config.toml", "model.toml"} == set(), document.name


def test_every_target_that_the_makefile_names_can_be_made():
    import subprocess

    text = (ROOT / "Makefile").read_text()
    targets = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE).group(1).split()
    done = subprocess.run(["make", "--dry-run", *targets], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for target in targets:
        assert re.search(rf"^{target}:", text, re.MULTILINE), target
