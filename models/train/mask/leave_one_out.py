"""Measure networks on sources left out of their training, for temperature, `unsure` and the card's table.

    python -m models.train.mask.leave_one_out WORK [--net shipped]

Needs WORK/nets/without_SOURCE.pt for each training source (trained with --without). Writes WORK/leave_one_out.json.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge.classify.mask import softmax
from edge.evaluation.metrics import calibration_error, interval
from models.train.mask.confidence import coverage_curve, rare_shift, temperature
from models.train.mask.logits import legibility, of_net, served
from models.train.mask.train import load_net
from models.train.sources import LABELS, SOURCES, Role
from models.train.store import Faces

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Logits = NDArray[np.float32]

_MIN_FACE_PX = 16.0


def row(logits: Logits, labels: NDArray[np.int64]) -> dict[str, Any]:
    """Return recall by class with n and 95 % interval, the accuracy, and the mean recall."""
    verdicts = logits.argmax(1)
    cells: dict[str, Any] = {"n": len(labels), "accuracy": float((verdicts == labels).mean())}
    for place, label in enumerate(LABELS):
        of = labels == place
        if of.any():
            hits = int((verdicts[of] == place).sum())
            cells[label] = {
                "n": int(of.sum()),
                "recall": hits / int(of.sum()),
                "interval": interval(hits, int(of.sum())),
            }
    cells["balanced"] = float(np.mean([cells[label]["recall"] for label in LABELS if label in cells]))
    return cells


def predictions(work: Path, net: str, source: str) -> tuple[Logits, Faces, list[NDArray[np.uint8]]]:
    """Return logits, faces and images of one source's photographs by one network."""
    loaded = load_net(work / "nets" / f"{net}.pt")
    faces = Faces.load(work / "crops" / f"{source}.npz")
    faces = faces.take(faces.face_px >= _MIN_FACE_PX)
    images = served(faces.crops, loaded.plan.size_px)
    return of_net(loaded, images), faces, images


def with_all_classes(unseen: list[tuple[NDArray[Any], ...]]) -> tuple[Logits, NDArray[np.int64]]:
    """Return logits and labels of the left-out sources that have all three classes."""
    parts = [part for part in unseen if len(np.unique(part[1])) == len(LABELS)]
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def main() -> None:
    """Measure every pair of network and source; fit temperature and curves on the unseen training sources."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--net", default="shipped")
    args = parser.parse_args()
    train = [entry.name for entry in SOURCES if entry.role is Role.TRAIN]
    nets = {f"without_{name}": [name, *(e.name for e in SOURCES if e.role is Role.TEST)] for name in train}
    nets[args.net] = [entry.name for entry in SOURCES]
    pairs = [(net, source) for net, sources in nets.items() for source in sources]
    predicted = {(net, source): predictions(args.work, net, source) for net, source in pairs}
    unseen = [
        (logits, faces.labels, *legibility(images), faces.face_px)
        for (net, source), (logits, faces, images) in predicted.items()
        if net == f"without_{source}"
    ]
    logits, labels = (np.concatenate([part[i] for part in unseen]) for i in (0, 1))
    shift = rare_shift(*with_all_classes(unseen))
    rare = np.array([0, 0, shift], np.float32)
    table = {f"{net} on {source}": row(x - rare, faces.labels) for (net, source), (x, faces, _) in predicted.items()}
    logits = logits - rare
    fitted = temperature(logits, labels)
    probabilities = softmax((logits / fitted).astype(np.float32))
    result = {
        "table": table,
        "shift": shift,
        "temperature": fitted,
        "ece": calibration_error(probabilities.max(1), probabilities.argmax(1) == labels),
        "coverage": coverage_curve(probabilities, labels),
    }
    (args.work / "leave_one_out.json").write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    np.savez(
        args.work / "leave_one_out.npz",
        logits=logits,
        labels=labels,
        brightness=np.concatenate([p[2] for p in unseen]),
        contrast=np.concatenate([p[3] for p in unseen]),
        face_px=np.concatenate([p[4] for p in unseen]),
    )


if __name__ == "__main__":
    main()
