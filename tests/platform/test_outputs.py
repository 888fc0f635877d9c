"""All models give the same outputs to the bit on x86_64 and on the kernels of a Raspberry Pi 4 and a Raspberry Pi 5.

`make arm64` makes the two Pythons for aarch64, which run under qemu, and names their folder in MASKWATCH_ARM64.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from edge import paths
from edge.capture.demo import DemoCamera
from tests.platform.outputs import MODELS, digests
from tests.platform.runtimes import varied
from tests.support.program import ROOT, environment

pytestmark = [pytest.mark.long, pytest.mark.timeout(6000)]
PROCESSORS = {"cortex-a72": "python", "cortex-a76": "python-a76"}


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Path:
    """Return a file of 210 crops and 50 frames."""
    golden = np.load(paths.models() / "mask" / "golden.npz")["images"][:30]
    camera, path = DemoCamera(), tmp_path_factory.mktemp("outputs") / "images.npz"
    crops = [changed for image in golden for changed in varied(image)]
    frames = [camera.scene(36 * number / 50)[::2, ::2] for number in range(50)]
    assert (len(crops), len(frames)) == (210, 50)
    np.savez(path, crops=np.stack(crops), frames=np.stack(frames))
    return path


@pytest.fixture(scope="module")
def here(images) -> dict[str, str]:
    return digests(images)


@pytest.mark.parametrize("processor", PROCESSORS)
def test_every_model_gives_the_same_bits(processor, images, here):
    python = Path(os.environ.get("MASKWATCH_ARM64") or ROOT / "build/arm64") / PROCESSORS[processor]
    if not python.exists():
        pytest.skip(f"there is no {python}; make arm64 makes it")
    command = [str(python), "-m", "tests.platform.outputs", str(images)]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    there = json.loads(done.stdout)
    assert there["machine"] == "aarch64"
    assert {name: there[name] for name in MODELS} == {name: here[name] for name in MODELS}
