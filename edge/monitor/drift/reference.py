"""The reference profile of a mask model: histograms of the faces on which it was measured, and how sure it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from edge.errors import ModelError
from edge.monitor.drift.quantities import EDGES, LABELS, QUANTITIES

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

FILE = "reference.json"
_MOST_BYTES = 256 * 1024
CONFIDENCES = (0.45, 0.55, 0.65, 0.75, 0.85, 0.92, 0.96, 0.985, 0.995)
"""The inner edges of the bins in which confidence is calibrated; the first and the last bin are open."""

Share = Annotated[float, Field(ge=0, le=1)]
_Spread = Annotated[tuple[float, float], Field(description="mean and sigma")]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Profile(_Frozen):
    """One quantity: the edges of its bins, the faces in each, and PSI and KS of chunks of the reference itself.

    psi, ks: mean and sigma over chunks of `Reference.chunk` faces.
    """

    edges: tuple[float, ...]
    counts: tuple[Annotated[int, Field(ge=0)], ...]
    psi: _Spread
    ks: _Spread


class Calibration(_Frozen):
    """How probable it is that a verdict is right, and that a face is bare, by label and bin of confidence.

    fitted_on: where the true labels are from.  faces: how many.
    right, bare: by the name of the label, one probability for each of the len(CONFIDENCES) + 1 bins.
    spread: how many times as far as by independent faces the true accuracy lies from the estimated one.
    """

    fitted_on: str
    faces: Annotated[int, Field(gt=0)]
    right: dict[str, tuple[Share, ...]]
    bare: dict[str, tuple[Share, ...]]
    spread: Annotated[float, Field(ge=1, le=5)]

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for name, table in (("right", self.right), ("bare", self.bare)):
            if set(table) != {mask.value for mask in LABELS} or {len(row) for row in table.values()} != {_CELLS}:
                raise ValueError(f"{name} must have {_CELLS} numbers for each of {len(LABELS)} labels")
        return self


_CELLS = len(CONFIDENCES) + 1


class Reference(_Frozen):
    """The contents of a reference.json.

    model, detector: sha256 of the mask model and of the face model that it was made with.
    chunk: faces of a window.
    """

    schema_: Annotated[int, Field(alias="schema", ge=1, le=1)]
    model: str
    detector: str
    sources: tuple[str, ...]
    chunk: Annotated[int, Field(ge=50, le=1000)]
    quantities: dict[str, Profile]
    calibration: Calibration

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if set(self.quantities) != set(QUANTITIES):
            raise ValueError(f"quantities must be {', '.join(QUANTITIES)}")
        for name, profile in self.quantities.items():
            if profile.edges != EDGES[name] or len(profile.counts) != len(EDGES[name]) + 1:
                raise ValueError(f"quantities.{name}: other bins than this version of maskwatch has")
        return self

    def histogram(self, name: str) -> NDArray[np.float64]:
        """Return the counts of one quantity, float64 (bins,)."""
        return np.array(self.quantities[name].counts, np.float64)


def read_reference(folder: Path, sha256: str) -> Reference | None:
    """Return the reference in the folder of a mask model; None where there is none.

    sha256: of the model, which the reference must be of.

    Raises:
        ModelError: the file is unreadable, damaged, or of another model.
    """
    path = folder / FILE
    try:
        text = path.read_bytes()[: _MOST_BYTES + 1]
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror or error}; fix: make it readable, or remove it") from error
    try:
        reference = Reference.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        reason = f"{where}: {first['msg']}" if where else first["msg"]
        raise ModelError(f"{path}: {reason}; fix: install the model again, or remove the file") from error
    if reference.model != sha256:
        raise ModelError(
            f"{path}: of another model ({reference.model[:12]}); fix: install the model again, or remove it"
        )
    return reference
