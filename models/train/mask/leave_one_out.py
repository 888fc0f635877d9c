"""Measure networks on sources left out of their training, for temperature, `unsure`, `no_face` and the card's table.

    python -m models.train.mask.leave_one_out WORK [--net shipped]

Needs WORK/nets/without_SOURCE.pt for each source to leave out (trained with --without). Writes WORK/leave_one_out.json.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge.classify.mask import softmax
from edge.evaluation.metrics import calibration_error
from edge.intervals import interval
from models.train.mask.confidence import coverage_curve, no_face, rare_shift, rejection, temperature
from models.train.mask.logits import legibility, of_net, served
from models.train.mask.train import load_net
from models.train.sources import BACKGROUNDS, LABELS, Role, cropped
from models.train.store import Faces

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Logits = NDArray[np.float32]
    Predicted = tuple[Logits, Faces, list[NDArray[np.uint8]]]

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


def predictions(work: Path, net: str, source: str) -> Predicted:
    """Return logits, faces and images of one source's photographs by one network."""
    loaded = load_net(work / "nets" / f"{net}.pt")
    faces = Faces.load(work / "crops" / f"{source}.npz")
    faces = faces.take(faces.face_px >= _MIN_FACE_PX)
    images = served(faces.crops, loaded.plan.size_px)
    return of_net(loaded, images), faces, images


def all_predictions(work: Path, shipped: str) -> dict[tuple[str, str], Predicted]:
    """Return the predictions of each network on the sources that its row of the card names, by (network, source)."""
    sources = cropped(work)
    tests = [entry.name for entry in sources if entry.role is Role.TEST]
    nets = {f"without_{entry.name}": [entry.name, *tests] for entry in sources if entry.left_out}
    nets[shipped] = [entry.name for entry in sources]
    return {(net, source): predictions(work, net, source) for net, sources in nets.items() for source in sources}


def left_out(predicted: dict[tuple[str, str], Predicted]) -> dict[str, NDArray[Any]]:
    """Return what the networks predict for the sources that they were trained without, concatenated by name."""
    parts = []
    for (net, source), (logits, faces, images) in predicted.items():
        if net == f"without_{source}":
            brightness, contrast = legibility(images)
            columns = {"logits": logits, "labels": faces.labels, "brightness": brightness, "contrast": contrast}
            parts.append(columns | {"face_px": faces.face_px, "complete": _has_all_classes(faces.labels)})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _has_all_classes(labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return for each face whether its source has all three classes."""
    return np.full(len(labels), len(np.unique(labels)) == len(LABELS))


def left_out_backgrounds(work: Path) -> Logits:
    """Return the logits of what is no face by the networks trained without the source that it is from."""
    parts = []
    for entry in BACKGROUNDS:
        net = work / "nets" / f"without_{entry.name}.pt"
        if net.exists():
            loaded = load_net(net)
            faces = Faces.load(work / "backgrounds" / f"{entry.name}.npz")
            faces = faces.take(faces.face_px >= _MIN_FACE_PX)
            parts.append(of_net(loaded, served(faces.crops, loaded.plan.size_px)))
    return np.concatenate(parts)


def fit(
    predicted: dict[tuple[str, str], Predicted], unseen: dict[str, NDArray[Any]], backgrounds: Logits
) -> dict[str, Any]:
    """Fit shift, temperature, rejection and coverage on the left-out sources; return them with the card's table."""
    complete = unseen["complete"]
    shift = rare_shift(unseen["logits"][complete][:, :3], unseen["labels"][complete])
    rare = np.array([0, 0, shift, 0], np.float32)
    all_logits = unseen["logits"] - rare
    logits = all_logits[:, :3]
    fitted = temperature(logits, unseen["labels"])
    probabilities = softmax((logits / fitted).astype(np.float32))
    threshold = rejection(no_face(all_logits, fitted))
    return {
        "table": {
            f"{net} on {name}": row((x - rare)[:, :3], faces.labels) for (net, name), (x, faces, _) in predicted.items()
        },
        "shift": shift,
        "temperature": fitted,
        "no_face": {
            "threshold": threshold,
            "faces_rejected": float((no_face(all_logits, fitted) >= threshold).mean()),
            "backgrounds": len(backgrounds),
            "backgrounds_rejected": float((no_face(backgrounds - rare, fitted) >= threshold).mean()),
        },
        "ece": calibration_error(probabilities.max(1), probabilities.argmax(1) == unseen["labels"]),
        "coverage": coverage_curve(probabilities, unseen["labels"]),
    }


def main() -> None:
    """Measure every pair of network and source, and fit on the sources left out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--net", default="shipped")
    args = parser.parse_args()
    predicted = all_predictions(args.work, args.net)
    unseen = left_out(predicted)
    figures = fit(predicted, unseen, left_out_backgrounds(args.work))
    (args.work / "leave_one_out.json").write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    shifted = unseen["logits"] - np.array([0, 0, figures["shift"], 0], np.float32)
    np.savez(args.work / "leave_one_out.npz", **(unseen | {"logits": shifted}))


if __name__ == "__main__":
    main()
