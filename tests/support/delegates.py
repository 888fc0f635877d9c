"""A delegate without hardware, compiled from tests/delegate/stub.c, and the ways in which it fails."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.needs import need
from tests.support.program import ROOT

FAILURES = {
    "refuses": "no such device",
    "refuses the graph": "delegate application failure",
    "hangs": "did not answer within 0.3 s, loading the model mask",
    "hangs in invoke": "did not answer within 0.3 s, running the model mask",
    "crashes": "crashed, running the model mask (SIGSEGV)",
    "fails": "failed to invoke",
    "rubbish": "the model mask gives wrong results",
}
"""Each failure of the stub by its mode, with what the problem's sentence has of it."""
BAD_FILES = {
    "absent.so": (None, "No such file or directory"),
    "no_library.so": (b"text", "file too short"),
    "no_delegate.so": ("int a;", "undefined symbol: tflite_plugin_create_delegate"),
}
"""Files that are no delegate by name: their content, as bytes or in C, and the same."""


def compiled(library: Path, source: Path | None = None) -> Path:
    """Compile the stub, or another source."""
    command = [need("gcc"), "-shared", "-fPIC", "-O1", "-o", library, source or ROOT / "tests/delegate/stub.c"]
    subprocess.run(command, check=True)
    return library


def bad_file(name: str, folder: Path) -> Path:
    """Return the path of a file that is no delegate."""
    content, _ = BAD_FILES[name]
    path = folder / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        source = folder / "source.c"
        source.write_text(content)
        compiled(path, source)
    return path


def patience_s(mode: str) -> float:
    """Return how long a delegate is waited for: what does not hang gets all the time that a busy machine needs."""
    return 0.3 if mode.startswith("hangs") else 60.0
