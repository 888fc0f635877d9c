"""Every model file has a card that names its hash, its licence and its origin."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from tests.release.step import Failed

COLUMNS = ("file", "sha256", "licence", "origin")


def check(root: Path) -> str:
    """Return how many model files have their row."""
    models = root / "models"
    wrong = [sentence for file in files(models) for sentence in faults(file, models)]
    if wrong:
        raise Failed(f"{len(wrong)} faults in the cards", "\n".join(wrong))
    return f"{len(files(models))} model files, each with hash, licence and origin"


def files(models: Path) -> list[Path]:
    """Return the model files below a folder."""
    return sorted(models.rglob("*.tflite"))


def faults(file: Path, models: Path) -> list[str]:
    """Return what its card lacks, as sentences."""
    name = file.relative_to(models)
    found = rows(file, models)
    if not found:
        return [f"{name} has no row in a CARD.md of its folder or above; fix: | {' | '.join(COLUMNS)} |"]
    return [f"{name}: {sentence}" for row in found for sentence in faults_of_row(row, file, models)]


def rows(file: Path, models: Path) -> list[dict[str, str]]:
    """Return the rows about a model file, in the cards of its folder and of those above."""
    folders = [models / folder for folder in file.relative_to(models).parents]
    cards = [card for folder in folders if (card := folder / "CARD.md").exists()]
    return [row for card in cards for row in table(card) if (card.parent / row["file"]).resolve() == file.resolve()]


def table(card: Path) -> list[dict[str, str]]:
    """Return the rows of a card's table of files."""
    cells = [
        [cell.strip().strip("`") for cell in line.strip("|").split("|")]
        for line in card.read_text("utf-8").splitlines()
        if line.startswith("|")
    ]
    return [dict(zip(COLUMNS, row, strict=True)) for row in cells if len(row) == 4 and row[0].endswith(".tflite")]


def faults_of_row(row: dict[str, str], file: Path, models: Path) -> list[str]:
    """Return what a row states wrongly or not at all."""
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    wrong = [f"no {column}" for column in COLUMNS if not row[column]]
    if row["sha256"] and row["sha256"] != sha256:
        wrong.append(f"the card names the hash {row['sha256'][:12]}..., the file has {sha256}")
    licences = [folder / "LICENSE" for folder in file.parents if folder.is_relative_to(models)]
    if not any(path.exists() and re.search(rf"\b{re.escape(row['licence'])}\b", path.read_text()) for path in licences):
        wrong.append(f"no LICENSE beside it names {row['licence'] or 'its licence'}")
    return wrong
