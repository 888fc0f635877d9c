"""A package with detectors that fail after their golden outputs were right, and bundles that use them."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from edge import paths
from edge.registry.pack import pack

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.bundles import Signer

FAULTS = ("crash", "hang", "rubbish")
FAULT_FILE = "/var/lib/maskwatch/fault"
"""Where a service writes when it failed, by the monotonic clock, unless FAULT names another file."""
PLUGIN = '''
"""A detector that fails after its golden outputs were right."""
import os, pathlib, signal, time
from edge.data import Faces
from edge.detect.centerface import CenterFace

class Faulty(CenterFace):
    def __init__(self, *arguments, fault, **named):
        super().__init__(*arguments, **named)
        self._fault, self._calls = fault, 0

    def detect(self, frame):
        self._calls += 1
        found = super().detect(frame)
        if self._fault == "rubbish":
            return Faces(found.boxes / 3, found.scores) if "NOTIFY_SOCKET" in os.environ else found
        if self._calls > 30:
            pathlib.Path(os.environ.get("FAULT", "/var/lib/maskwatch/fault")).write_text(str(time.monotonic()))
            while self._fault == "hang":
                time.sleep(1)
            os.kill(os.getpid(), signal.SIGSEGV)
        return found

def crash(*arguments, **named):
    return Faulty(*arguments, fault="crash", **named)

def hang(*arguments, **named):
    return Faulty(*arguments, fault="hang", **named)

def rubbish(*arguments, **named):
    return Faulty(*arguments, fault="rubbish", **named)
'''
ENTRY_POINTS = "[maskwatch.detectors]\n" + "".join(f"{name} = faulty:{name}\n" for name in FAULTS)


def install_plugin(site: Path) -> None:
    """Install the package in a folder of Python's path."""
    (site / "faulty-1.0.dist-info").mkdir(parents=True)
    (site / "faulty.py").write_text(PLUGIN)
    (site / "faulty-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: faulty\nVersion: 1.0\n")
    (site / "faulty-1.0.dist-info/entry_points.txt").write_text(ENTRY_POINTS)


def faulty_bundle(folder: Path, fault: str, signer: Signer, sequence: int = 1) -> Path:
    """Return the bundle of the models that ship, with a detector of the faulty package."""
    for kind in ("face", "mask"):
        shutil.copytree(paths.models() / kind, folder / kind)
    spec = folder / "face/live/model.toml"
    spec.write_text(spec.read_text().replace('decoder = "centerface"', f'decoder = "{fault}"'))
    bundle = folder.with_suffix(".maskwatch")
    pack(folder, bundle, lambda sums: signer.sign(sums.read_bytes(), f"sequence:{sequence} expires:2099-12-31"))
    return bundle
