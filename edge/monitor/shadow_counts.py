"""The counts of the shadow on disk: one file for each pair of models and each camera."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from edge.files import replacing
from edge.monitor.comparison import Comparison

if TYPE_CHECKING:
    from pathlib import Path

    from edge.tflite import ModelSpec

log = logging.getLogger(__name__)

_SHA = 16
_MOST_FILES = 40
"""Files of pairs that are compared no longer are removed, the oldest first."""


def counts_file(store: Path, kind: str, models: tuple[ModelSpec, ModelSpec], camera: str) -> Path:
    """Return the file of a pair of models, champion first, and a camera, in the folder of the model store."""
    first, second = (spec.sha256[:_SHA] for spec in models)
    return store / "shadow" / f"{kind}-{first}-{second}-{camera}.json"


def kept_counts(path: Path) -> Comparison | None:
    """Return the counts in a file; None where it is absent or damaged, which is logged."""
    try:
        return Comparison.from_json(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        log.warning("%s: the counts of the shadow cannot be read and begin at 0: %s", path, error)
        return None


def keep_counts(path: Path, comparison: Comparison) -> None:
    """Write the counts into a file; a failure is logged."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as draft:
            draft.write_text(comparison.to_json(), "utf-8")
        files = sorted(path.parent.glob("*.json"), key=lambda file: file.stat().st_mtime)
        for file in files[:-_MOST_FILES]:
            file.unlink(missing_ok=True)
    except OSError as error:
        log.warning("%s: the counts of the shadow cannot be kept: %s", path, error.strerror)


def of_all_cameras(store: Path, kind: str, models: tuple[ModelSpec, ModelSpec]) -> Comparison:
    """Return the counts of a pair of models, those of all cameras together."""
    pattern = counts_file(store, kind, models, "*")
    total = Comparison(kind)
    for path in pattern.parent.glob(pattern.name):
        if (counts := kept_counts(path)) is not None:
            total.verdicts, total.times = total.verdicts + counts.verdicts, total.times + counts.times
            total.crashes += counts.crashes
    return total
