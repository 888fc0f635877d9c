"""The process in which a challenger runs: it answers one job after another, with the lowest priority.

    python -m edge.app.shadow_worker KIND CHAMPION CHALLENGER FD

CHAMPION, CHALLENGER: folders of two models of a kind.  FD: the shared memory with the image of the job.
"""

from __future__ import annotations

import json
import mmap
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import cv2
import numpy as np

from edge.boxes import iou, shorter_sides
from edge.crop import crop_face
from edge.data import Faces, Frame
from edge.detect.cascade import for_camera
from edge.monitor.comparison import MODELS
from edge.monitor.conditions import light_of, size_of
from edge.stages import classified, load_classifier, load_detector

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.data import Floats, Image

    Job = dict[str, Any]

_LOWEST = 19
_MATCH_IOU = 0.3
"""As labelled boxes are matched, see `edge.evaluation.matching`."""
_LIGHT_PX = 32
_LEAST_SIDE_PX = 16.0


class Answers(Protocol):
    """What both models make of a job."""

    def run(self, model: str, frame: Frame, job: Job) -> Any:  # noqa: ANN401 - each kind has its own
        """Run a model."""
        ...

    def faces(self, found: Any, frame: Frame, job: Job) -> list[tuple[str, str, int, int]]:  # noqa: ANN401
        """Return for each face the verdicts of champion and challenger, its size and its light."""
        ...


class MaskAnswers:
    """Classifies one face."""

    def __init__(self, champion: Path, challenger: Path) -> None:
        """Load both models."""
        self._classifiers = {
            name: load_classifier(folder)[0] for name, folder in zip(MODELS, (champion, challenger), strict=True)
        }

    def run(self, model: str, frame: Frame, job: Job) -> str:
        """Return the verdict of a model."""
        face = Faces(np.array([job["box"]], np.float32), np.array([job["score"]], np.float32))
        classifier, rule = self._classifiers[model], {"mirrored": [job["mirrored"]], "bare": job["bare"]}
        return classified(classifier, frame, face, **rule).masks[0].value

    def faces(self, found: str, frame: Frame, job: Job) -> list[tuple[str, str, int, int]]:
        """Return the verdicts on the face."""
        light = _light(frame.image, np.array(job["box"], np.float32))
        return [(job["champion"], found, size_of(job["side_px"]), light)]


class FaceAnswers:
    """Finds the faces of a frame."""

    def __init__(self, champion: Path, challenger: Path) -> None:
        """Load both models."""
        self._detectors = {
            name: for_camera(load_detector(folder)[0])
            for name, folder in zip(MODELS, (champion, challenger), strict=True)
        }

    def run(self, model: str, frame: Frame, job: Job) -> Floats:  # noqa: ARG002 - the frame is all
        """Return the boxes that a model finds."""
        return self._detectors[model].detect(frame).boxes

    def faces(self, found: Floats, frame: Frame, job: Job) -> list[tuple[str, str, int, int]]:
        """Return for each face that either of them found, who found it."""
        champion = np.array(job["boxes"], np.float32).reshape(-1, 4)
        overlap = np.asarray(iou(champion, found)) >= _MATCH_IOU
        rows = [
            (box, "found", "found" if met else "missed")
            for box, met in zip(champion, map(np.any, overlap), strict=True)
        ]
        rows += [(box, "missed", "found") for box, met in zip(found, map(np.any, overlap.T), strict=True) if not met]
        sides = [float(shorter_sides(box[None])[0]) for box, _, _ in rows]
        return [
            (mine, other, size_of(side), _light(frame.image, box))
            for (box, mine, other), side in zip(rows, sides, strict=True)
            if side >= _LEAST_SIDE_PX
        ]


_KINDS: dict[str, Callable[[Path, Path], Answers]] = {"mask": MaskAnswers, "face": FaceAnswers}


def answer(answers: Answers, image: Image, job: Job) -> dict[str, Any]:
    """Return what both made of a job, and the processor time of each model that ran."""
    frame = Frame(image, 0, at=0.0, read_at=0.0)
    took_s = {}
    for model in MODELS if job["timed"] else MODELS[1:]:
        began_s = time.process_time()
        found = answers.run(model, frame, job)
        took_s[model] = time.process_time() - began_s
    return {"faces": answers.faces(found, frame, job), "took_s": took_s}


def _light(image: Image, box: Floats) -> int:
    return light_of(crop_face(image, box, size_px=_LIGHT_PX, margin=0.0))


def main(kind: str, champion: str, challenger: str, descriptor: str) -> None:
    """Answer the jobs that standard input brings, until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to every process of the terminal
    os.setpriority(os.PRIO_PROCESS, 0, _LOWEST)
    cv2.setNumThreads(1)
    answers = _KINDS[kind](Path(champion), Path(challenger))
    memory = mmap.mmap(int(descriptor), 0, prot=mmap.PROT_READ)
    spent_s = _write({"ready": True}, 0.0)
    for line in sys.stdin:
        job = json.loads(line)
        height, width = job["shape"]
        image = np.frombuffer(memory, np.uint8, 3 * height * width).reshape(height, width, 3)
        spent_s = _write(answer(answers, image, job), spent_s)


def _write(content: dict[str, Any], spent_s: float) -> float:
    """Write an answer with the processor time since the last one; return the time so far."""
    now_s = time.process_time()
    sys.stdout.write(json.dumps({**content, "cpu_s": now_s - spent_s}) + "\n")
    sys.stdout.flush()
    return now_s


if __name__ == "__main__":
    main(*sys.argv[1:])
