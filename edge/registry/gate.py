"""The gate of promotions: what labelled images show, and what the shadow on the street shows, in one table."""

from __future__ import annotations

import tempfile
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from edge.errors import InputError
from edge.evaluation.acceptance import Finding, Limits, on_labelled_images
from edge.evaluation.dataset import read_dataset
from edge.evaluation.paired import pair
from edge.evaluation.street import Bounds, on_the_street
from edge.monitor.shadow_counts import of_all_cameras
from edge.profiles import WEAKEST
from edge.registry import Decision
from edge.registry.active import store_of
from edge.stages import models_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.progress import Progress

    from edge.errors import CameraError
    from edge.settings.schema import Settings
    from edge.stages import Models

LABELLED = "mask/labelled.zip"
"""Labelled images in a bundle: a dataset as `maskwatch evaluate` reads it, in one file."""


@dataclass(frozen=True, slots=True)
class MeasuredGate:
    """Decides by measurement; `show` gets the table of what was found before the decision."""

    settings: Settings
    progress: Progress
    on_bad: Callable[[CameraError], None]
    show: Callable[[Table], None]

    def decide(self, champion: Path, challenger: Path) -> Decision:
        """Return whether the challenger passes every check, and the sentences of those that it does not pass.

        Raises:
            ModelError: a model cannot be loaded.
            InputError: the labelled images cannot be read.
        """
        before, after = (self._models(folder) for folder in (champion, challenger))
        findings = [*self._on_the_street(before, after), *self._on_labelled_images(before, after, challenger)]
        self.show(table(findings))
        return Decision(
            all(finding.passes for finding in findings),
            tuple(finding.sentence for finding in findings if not finding.passes),
        )

    def _models(self, folder: Path) -> Models:
        """Load the face model of the profile in use, of `auto` that which every device can run, and the mask model."""
        profile = self.settings.detector.profile
        return models_of(folder / "face" / (WEAKEST if profile == "auto" else profile), folder / "mask")

    def _on_the_street(self, before: Models, after: Models) -> list[Finding]:
        gate, store = self.settings.gate, store_of(self.settings.models).folder
        bounds = Bounds(gate.shadow_faces, gate.slower, gate.unsure, gate.disagreement)
        pairs = {kind: (before.specs[kind], after.specs[kind]) for kind in ("mask", "face")}
        differing = {kind: specs for kind, specs in pairs.items() if specs[0].sha256 != specs[1].sha256}
        counts = [of_all_cameras(store, kind, specs) for kind, specs in differing.items()]
        return [finding for one in counts for finding in on_the_street(one, bounds)]

    def _on_labelled_images(self, before: Models, after: Models, challenger: Path) -> list[Finding]:
        gate = self.settings.gate
        limits = Limits(gate.margin, gate.fall, gate.floor)
        with _labelled(gate.labelled, challenger) as folder:
            if folder is None:
                sentence = "there are no labelled images; fix: set gate.labelled to a folder with some of your place"
                return [Finding.refused("labelled images", sentence)]
            return on_labelled_images(pair(read_dataset(folder), before, after, self.progress, self.on_bad), limits)


@contextmanager
def _labelled(named: str, challenger: Path) -> Iterator[Path | None]:
    """Give the folder of the labelled images: of the place, else of the challenger's bundle; None if there is none."""
    packed = challenger / LABELLED
    if named or not packed.is_file():
        yield Path(named) if named else None
        return
    with tempfile.TemporaryDirectory() as folder:
        try:
            with zipfile.ZipFile(packed) as archive:
                archive.extractall(folder)
        except (zipfile.BadZipFile, OSError) as error:
            raise InputError(f"{packed}: cannot be read: {error}; fix: set gate.labelled") from error
        yield Path(folder)


def table(findings: list[Finding]) -> Table:
    """Return what the gate found, a row for each check."""
    made = Table("check", "passes", "found", title="the gate")
    for finding in findings:
        made.add_row(finding.check, "yes" if finding.passes else "no", finding.sentence)
    return made
