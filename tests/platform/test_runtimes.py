"""Both TFLite runtimes make the same of the same pictures: ai-edge-litert, and tflite-runtime where that has no wheel.

`make test-runtimes` makes the second environment and names its Python in MASKWATCH_OTHER_PYTHON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edge.boxes import iou
from tests.conftest import ROOT, environment
from tests.platform.runtimes import PROFILES, SECONDS

MIN_IOU = 0.9


def other_python() -> Path:
    named = os.environ.get("MASKWATCH_OTHER_PYTHON", "")
    return Path(named) if named else ROOT / ".venv-tflite" / "bin" / "python"


pytestmark = pytest.mark.skipif(
    not other_python().exists(), reason="there is one environment only; make test-runtimes makes the second"
)


def told(python: Path, what: str, given: object = None) -> dict:
    ended = subprocess.run(
        [str(python), "-m", "tests.platform.runtimes", what],
        input=json.dumps(given),
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest.fixture(scope="module")
def faces() -> tuple[dict, dict]:
    here, there = told(Path(sys.executable), "faces"), told(other_python(), "faces")
    for answer in (here, there):
        took = ", ".join(f"{profile} {answer[f'{profile}_ms']:.1f} ms" for profile in PROFILES)
        print(f"runtimes: {answer['runtime']}: {took} a picture")  # noqa: T201 - figures for whoever runs with -s
    return here, there


@pytest.fixture(scope="module")
def masks(faces) -> tuple[dict, dict]:
    boxes = {second: seen["boxes"] for second, seen in faces[0]["quality"].items()}
    return told(Path(sys.executable), "masks", boxes), told(other_python(), "masks", boxes)


def test_the_two_environments_run_two_runtimes(faces):
    assert {answer["runtime"].split(".")[0] for answer in faces} == {"ai_edge_litert", "tflite_runtime"}


@pytest.mark.parametrize("profile", PROFILES)
def test_both_find_the_same_faces(faces, profile):
    here, there = (answer[profile] for answer in faces)
    overlaps = []
    for second in map(str, SECONDS):
        a, b = (np.array(seen[second]["boxes"], np.float32).reshape(-1, 4) for seen in (here, there))
        assert len(a) == len(b), f"at {second} s: {len(a)} and {len(b)} faces"
        overlaps += iou(a, b).max(1, initial=0.0).tolist()

    print(f"runtimes: {profile}: {len(overlaps)} faces, least IoU {min(overlaps):.3f}")  # noqa: T201
    assert len(overlaps) > len(SECONDS)
    assert min(overlaps) >= MIN_IOU


def test_both_judge_every_face_alike_where_the_margin_exceeds_one_step(masks):
    here, there = (np.array([row for rows in answer["logits"].values() for row in rows]) for answer in masks)
    step = masks[0]["step"]
    ordered = np.sort(here, 1)
    clear = ordered[:, -1] - ordered[:, -2] > step
    alike = here.argmax(1) == there.argmax(1)

    print(  # noqa: T201
        f"runtimes: {len(here)} faces, {int(clear.sum())} clear, {int(alike.sum())} judged alike, "
        f"logits differ by at most {np.abs(here - there).max() / step:.1f} steps of {step:.4f}"
    )
    assert clear.sum() > len(SECONDS)
    assert alike[clear].all()
    assert len(set(here.argmax(1))) > 1, "faces of one class alone show little"
