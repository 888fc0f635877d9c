"""Check the golden outputs of a folder of models: those of this machine must be those of the day they were made.

    python -P -m edge.app.golden FOLDER

The check runs in a process of its own, since a model may crash or hang the process that runs it.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge import programs
from edge.boxes import iou
from edge.capture.demo import DemoCamera
from edge.capture.files import read_image
from edge.data import Frame
from edge.errors import EdgeError, ModelError
from edge.registry.content import GOLDEN_FRAMES, PROFILES
from edge.stages import load_detector
from edge.tflite import Model

if TYPE_CHECKING:
    from edge.data import Faces, Floats, Image
    from edge.detect import Detector

LIMIT_S = 40.0
"""Longest time for all models; with a process that dies at once and a restart, a rollback takes less than 60 s."""
_LEAST_IOU, _SCORE, _LOGIT = 0.9, 0.1, 0.5
"""Differences between runtimes and processors, as tests/detect/test_golden.py and tests/classify/test_golden.py allow:
scores differ by a few steps of the quantised output, logits by up to 0.31 (measured over 400 faces)."""


def check(folder: Path, limit_s: float = LIMIT_S) -> None:
    """Check the golden outputs of the folders `face` and `mask` in `folder`.

    Raises:
        ModelError: they differ, a model cannot be loaded, or it crashes or hangs the process that runs it.
    """
    try:
        ended = subprocess.run(  # noqa: S603 - this Python, without a shell
            programs.python("-m", "edge.app.golden", str(folder.absolute())),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ModelError(f"it hangs: its golden outputs have not come within {limit_s:.0f} s") from None
    if ended.returncode < 0:
        raise ModelError(f"it crashes: {signal.Signals(-ended.returncode).name} while its golden outputs were made")
    if ended.returncode:
        raise ModelError((ended.stderr.strip().splitlines() or [f"exit code {ended.returncode}"])[-1])


def compare(folder: Path) -> None:
    """Check as `check` does, in this process."""
    for profile in PROFILES:
        detector, _ = load_detector(folder / "face" / profile)
        _compare_faces(folder, profile, detector)
    _compare_masks(folder / "mask")


def _compare_faces(folder: Path, profile: str, detector: Detector) -> None:
    try:
        golden = json.loads((folder / "face" / profile / "golden.json").read_text("utf-8"))
        expected = {
            key: (np.array(f["boxes"], np.float32), np.array(f["scores"], np.float32)) for key, f in golden.items()
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelError(f"face/{profile}/golden.json: cannot be read: {error}") from error
    if not expected:
        raise ModelError(f"face/{profile}/golden.json: is empty")
    for second, (boxes, scores) in expected.items():
        found = detector.detect(Frame(_frame(folder, second), 0, at=0.0, read_at=0.0))
        if not _are_equal(found, boxes, scores):
            raise ModelError(f"the golden outputs of face/{profile} differ on this machine, at {second} s")


def _frame(folder: Path, second: str) -> Image:
    """Return a golden input: of the bundle, or of the demo for a folder that ships without."""
    path = folder / GOLDEN_FRAMES / f"{second}.png"
    if not path.exists():
        return DemoCamera().scene(float(second))
    try:
        return read_image(path)
    except EdgeError as error:
        raise ModelError(f"{GOLDEN_FRAMES}/{second}.png: {error}") from error


def _are_equal(found: Faces, boxes: Floats, scores: Floats) -> bool:
    """Return whether the same faces were found, with about the same boxes and scores."""
    if not len(found) == len(boxes) == len(scores) >= 1:
        return False
    overlaps = iou(boxes, found.boxes)
    near = found.scores[overlaps.argmax(1)]
    return bool((overlaps.max(1) >= _LEAST_IOU).all() and np.abs(near - scores).max() < _SCORE)


def _compare_masks(folder: Path) -> None:
    try:
        with np.load(folder / "golden.npz") as golden:
            images, expected = golden["images"], golden["logits"]
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"mask/golden.npz: cannot be read: {error}") from error
    model = Model(folder)
    logits = np.stack([model.run(image)[0].reshape(-1) for image in images])
    if logits.shape != expected.shape or not np.abs(logits - expected).max() < _LOGIT:
        raise ModelError("the golden outputs of mask differ on this machine")


def main() -> None:
    """Check one folder, and end with the exit code of what is wrong with it."""
    try:
        compare(Path(sys.argv[1]))
    except EdgeError as error:
        sys.exit(f"{error}")


if __name__ == "__main__":
    main()
