"""What the documents promise is there: tests, settings, commands and options, make targets."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer.main
from PIL import Image

from models.train.own import WAYS
from tests.support.program import environment

ROOT = Path(__file__).parent.parent
DOCUMENTS = [
    *ROOT.glob("*.md"),
    *ROOT.glob("docs/*.md"),
    *ROOT.glob("systemd/*.md"),
    *ROOT.glob("models/*/CARD.md"),
    *ROOT.glob("models/*/*/CARD.md"),
]
every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


@every_document
def test_every_test_that_a_document_names_exists(document):
    written = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    named = set(re.findall(r"`(test_\w+)`", document.read_text()))
    assert {name for name in named if f"def {name}(" not in written and name != "test_alert"} == set()


@every_document
def test_every_file_of_the_sources_that_a_document_names_exists(document):
    named = re.findall(r"`((?:edge|models|config|tests|docs|examples|systemd)/[\w./-]*)`", document.read_text())
    assert {path for path in named if not (ROOT / path).exists()} == set()


def section(link: str, page: Path) -> str:
    """Return the section that a link of a page leads to, "" where there is none."""
    path, _, anchor = link.partition("#")
    parts = re.split(r"^#+ (.+)$", (page.parent / path).read_text(), flags=re.MULTILINE)[1:]
    found = dict(
        zip((re.sub(r"[^\w-]", "", title.lower().replace(" ", "-")) for title in parts[::2]), parts[1::2], strict=True)
    )
    return found.get(anchor, "")


CONSENT = ("voluntary", "withdraw at any time", "deleted", "until [date]", "without my name", "guardian", "signature")
"""What somebody who is photographed is told before. Source: Regulation (EU) 2016/679, articles 7 and 13."""


def test_the_protocol_of_consent_is_where_the_page_on_retraining_refers_to():
    page = ROOT / "docs/retraining.md"
    (link,) = re.findall(r"\]\(([^)]+)\) has the form for their consent", page.read_text())
    text = section(link, page)
    form = " ".join(line.removeprefix("> ") for line in text.splitlines() if line.startswith("> "))
    assert [words for words in CONSENT if words not in form] == []
    rows = {cells[1].strip(): cells[2] for cells in (line.split("|") for line in text.splitlines()) if len(cells) > 3}
    ways = re.findall(r"`(\w+)`", rows["ways of wearing, six"])
    assert set(ways) == set(WAYS)
    assert rows["poses, four"].count(",") == 3
    assert {"people", "lights, at least two", "masks"} <= set(rows)


def test_every_page_is_linked_from_the_index():
    linked = set(re.findall(r"\]\(([\w-]+\.md)\)", (ROOT / "docs/README.md").read_text()))
    assert {path.name for path in ROOT.glob("docs/*.md")} - linked == {"README.md"}


def test_the_models_in_the_examples_of_the_contract_are_those_that_ship():
    shown = re.compile(r'"name":"([\w-]+)","version":"([\d.]+)",\s*"sha256":"(\w{64})"')
    specs = [tomllib.loads(path.read_text()) for path in ROOT.glob("models/**/model.toml")]
    ship = {(spec["name"], spec["version"], spec["sha256"]) for spec in specs}
    examples = shown.findall((ROOT / "docs/mqtt.md").read_text())
    assert len(examples) == 6
    assert set(examples) <= ship


def test_the_contract_lists_every_problem_of_its_schema():
    schema = json.loads((ROOT / "docs/schemas/problem.json").read_text())
    row = re.search(r"^\| `problem/ID` \|([^|]*)\|", (ROOT / "docs/mqtt.md").read_text(), re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", row[1])) == set(schema["properties"]["id"]["enum"])


def test_every_provision_of_the_standard_has_its_row():
    text = (ROOT / "SECURITY.md").read_text()
    assert [number for number in range(1, 14) if f"| 5.{number} " not in text] == []


def command_lines(document: Path, program: str) -> list[str]:
    """Return the command lines of a program in a document's blocks and `quoted` words, without comments."""
    text = document.read_text()
    blocks = re.findall(rf"^    (?:sudo )?({program} .*)$", text, re.MULTILINE)
    return [re.sub(r"\s+#.*", "", line) for line in blocks + re.findall(rf"`(?:sudo )?({program} [a-z][^`]*)`", text)]


@every_document
def test_every_maskwatch_command_of_a_document_has_its_options(document):
    from edge.cli import app

    commands = dict(typer.main.get_command(app).commands)
    groups = {name: group.commands for name, group in commands.items() if hasattr(group, "commands")}
    commands |= {f"{name} {word}": command for name, group in groups.items() for word, command in group.items()}
    wrong = []
    for line in command_lines(document, "maskwatch"):
        _, name, *words = shlex.split(line)
        if name == "COMMAND":
            continue
        if name in groups:
            name, *words = (f"{name} {words[0]}", *words[1:])
        known = {option for parameter in commands[name].params for option in parameter.opts} if name in commands else {}
        used = {word.partition("=")[0] for word in words if word.startswith("--")}
        if name not in commands or not used <= {*known, "--help"}:
            wrong.append(line)
    assert wrong == []


def test_the_documents_show_most_commands():
    shown = {shlex.split(line)[1] for document in DOCUMENTS for line in command_lines(document, "maskwatch")}
    assert {"run", "view", "sign", "web", "watch", "detect", "bench", "evaluate", "compare"} <= shown
    assert {"doctor", "setup", "calibrate", "check", "purge", "sheet"} <= shown


@every_document
def test_every_make_target_of_a_document_exists(document):
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    lines = command_lines(document, "make")
    assert {line.split()[1] for line in lines if re.fullmatch(r"[a-z-]+", line.split()[1])} <= targets


@every_document
def test_every_setting_that_a_document_names_exists(document):
    from edge.settings.load import load

    known = set(load(system_file=Path("/nonexistent")).origins)
    sections = {key.split(".")[0] for key in known}
    text = document.read_text()
    keys = set(re.findall(r"`(?:--set )?([a-z]+\.[a-z_]+)(?:=[^`]*)?`", text))
    keys |= set(re.findall(r"--set '?([a-z]+\.[a-z_]+)=", text))
    wrong = {key for key in keys if key.split(".")[0] in sections and key not in known}
    assert wrong - {"config.toml", "model.toml"} == set()


@every_document
def test_every_settings_file_in_a_document_is_one(document):
    from edge.settings.load import load

    known = set(load(system_file=Path("/nonexistent")).origins)
    sections = {key.split(".")[0] for key in known}
    for block in re.findall(r"(?:^    .*\n|^\n(?=    ))+", document.read_text(), re.MULTILINE):
        text = re.sub(r"^    ", "", block, flags=re.MULTILINE)
        first = re.match(r"\s*\[([a-z]+)\]", text)
        if first and first[1] in sections:
            keys = {f"{section}.{key}" for section, table in tomllib.loads(text).items() for key in table}
            assert keys <= known, text


def test_every_target_that_the_makefile_names_can_be_made():
    text = (ROOT / "Makefile").read_text()
    targets = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE).group(1).split()
    done = subprocess.run(["make", "--dry-run", *targets], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for target in targets:
        assert re.search(rf"^{target}:", text, re.MULTILINE), target


def test_the_readme_is_short_and_its_picture_is_light():
    readme = (ROOT / "README.md").read_text()
    assert len(readme.splitlines()) < 100
    (picture,) = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", readme)
    assert (ROOT / picture).stat().st_size < 1_500_000


def test_the_picture_of_the_readme_can_be_drawn_again(tmp_path):
    picture = tmp_path / "preview.webp"
    program = [sys.executable, ROOT / "docs/make_preview.py", picture, "6"]
    done = subprocess.run(program, env=environment(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    with Image.open(picture) as drawn:
        assert (drawn.n_frames, drawn.size) == (12, (640, 410))
