"""Every TFLite runtime makes the same of the same pictures: the one here, tflite-runtime, and a Raspberry Pi's kernels.

`make test-runtimes` makes the second environment and names its Python in MASKWATCH_OTHER_PYTHON; `make test-arm64`
makes a Python for aarch64 that runs under qemu, and names it in MASKWATCH_ARM64_PYTHON.
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
from tests.platform.episodes import matched, people
from tests.platform.runtimes import PROFILES, SECONDS
from tests.support.program import ROOT, environment

MIN_IOU = 0.9
SCORE_MARGIN = 0.1
"""Runtimes round differently: what scores so near to the threshold may be a face on one of them only."""
LEAST_FACES = 200
OTHERS = {
    "tflite-runtime": ("MASKWATCH_OTHER_PYTHON", ".venv-tflite/bin/python", "make test-runtimes", 110),
    "aarch64": ("MASKWATCH_ARM64_PYTHON", "build/arm64/python", "make test-arm64", 3000),
}
"""Where each other Python is named and where it lies else, what makes it, and for how many seconds it may work."""


def python_of(other: str) -> Path:
    variable, place, *_ = OTHERS[other]
    return Path(os.environ.get(variable) or ROOT / place)


def result_of(python: Path, what: str, given: object = None, *, timeout_s: float = 110) -> dict:
    ended = subprocess.run(
        [str(python), "-m", "tests.platform.runtimes", what],
        input=json.dumps(given),
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest.fixture(
    scope="module",
    params=["tflite-runtime", pytest.param("aarch64", marks=[pytest.mark.long, pytest.mark.timeout(6000)])],
)
def other(request) -> tuple[str, Path, int]:
    python, (*_, make, timeout_s) = python_of(request.param), OTHERS[request.param]
    if not python.exists():
        pytest.skip(f"there is no Python of {request.param}; {make} makes it")
    return request.param, python, timeout_s


@pytest.fixture(scope="module")
def faces(other) -> tuple[dict, dict]:
    _, python, timeout_s = other
    here, there = result_of(Path(sys.executable), "faces"), result_of(python, "faces", timeout_s=timeout_s)
    for answer in (here, there):
        took = ", ".join(f"{profile} {answer[f'{profile}_ms']:.1f} ms" for profile in PROFILES)
        print(f"runtimes: {answer['runtime']} on {answer['machine']}: {took} a picture")
    return here, there


@pytest.fixture(scope="module")
def masks(faces, other) -> tuple[dict, dict]:
    boxes = {second: seen["boxes"] for second, seen in faces[0]["quality"].items()}
    _, python, timeout_s = other
    return result_of(Path(sys.executable), "masks", boxes), result_of(python, "masks", boxes, timeout_s=timeout_s)


def test_the_two_environments_run_two_runtimes_or_two_machines(faces, other):
    name, *_ = other
    assert len({(answer["runtime"], answer["machine"]) for answer in faces}) == 2
    assert name.replace("-", "_") in f"{faces[1]['runtime']} {faces[1]['machine']}"


@pytest.mark.parametrize("profile", PROFILES)
def test_both_find_the_same_faces(faces, profile):
    here, there = (answer[profile] for answer in faces)
    least, overlaps, gaps = faces[0][f"{profile}_score"] + SCORE_MARGIN, [], []
    for second in map(str, SECONDS):
        for seen, other in ((here[second], there[second]), (there[second], here[second])):
            a, b = (np.array(one["boxes"], np.float32).reshape(-1, 4) for one in (seen, other))
            clear = np.array(seen["scores"]) >= least
            near = iou(a, b)
            overlaps += near[clear].max(1, initial=0.0).tolist()
            gaps += [
                abs(seen["scores"][i] - other["scores"][near[i].argmax()]) for i in np.flatnonzero(clear) if len(b)
            ]

    print(
        f"runtimes: {profile}: {len(overlaps) // 2} clear faces, least IoU {min(overlaps):.3f}, "
        f"scores differ by at most {max(gaps):.3f}"
    )
    assert len(overlaps) > 2 * len(SECONDS)
    assert min(overlaps) >= MIN_IOU


def test_both_classify_every_face_alike_if_the_margin_exceeds_one_step(masks):
    here, there = (np.array([row for rows in answer["logits"].values() for row in rows]) for answer in masks)
    step = masks[0]["step"]
    ordered = np.sort(here, 1)
    clear = ordered[:, -1] - ordered[:, -2] > step
    alike = here.argmax(1) == there.argmax(1)

    print(
        f"runtimes: {len(here)} faces, {int(clear.sum())} clear, {int(alike.sum())} judged alike, "
        f"logits differ by at most {np.abs(here - there).max() / step:.1f} steps of {step:.4f}"
    )
    assert len(here) >= LEAST_FACES
    assert clear.sum() > 0.9 * len(here)
    assert alike[clear].all()
    assert len(set(here.argmax(1))) > 1, "faces of one class alone show little"


def test_both_find_the_same_episodes_within_a_frame(other):
    """A comparison of episodes, not of digests: runtimes round differently, and a start may move by a frame."""
    _, python, timeout_s = other
    here, there = (
        result_of(one, "episodes", timeout_s=timeout_s)["episodes"]["play"] for one in (Path(sys.executable), python)
    )
    assert len(here) >= 2
    assert len(matched(people(here), people(there))) == len(people(here)) == len(people(there))
