"""What a plain run imports: a library that only some runs need is imported when one needs it, as it delays them all."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

FOR_SOME = {
    "PIL": "images from files, the sign, and what is drawn into a window",
    "amqtt": "the embedded broker",
    "asyncio": "the embedded broker and the web page's process",
    "cryptography": "signatures of bundles, and passwords",
    "prometheus_client": "metrics.port and metrics.textfile",
    "pyarrow": "detect --parquet",
    "starlette": "the web page's process",
    "tomlkit": "setup and calibrate, which write settings",
    "uvicorn": "the web page's process",
    "yaml": "the embedded broker",
}
"""By library: which runs and commands need it."""
_PROGRAM = """
import json, sys
from edge.cli import run_command
try:
    code = run_command()
except SystemExit as ended:
    code = ended.code
print(json.dumps([code, sorted({name.partition(".")[0] for name in sys.modules})]))
"""


@pytest.fixture(scope="module")
def imported(tmp_path_factory, demo_video):
    """Return the libraries that a run on a device imports: without a window, with a broker elsewhere."""
    folder = tmp_path_factory.mktemp("run")
    settings = ["detector.profile=live", "mqtt.host=127.0.0.1", "mqtt.port=9", f"show.socket={folder / 'scene'}"]
    options = [word for setting in (*settings, f"mqtt.outbox={folder / 'outbox.db'}") for word in ("--set", setting)]
    command = [sys.executable, "-c", _PROGRAM, "run", "--headless", "--source", str(demo_video), *options]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    code, modules = json.loads(ended.stdout.splitlines()[-1])
    assert code in (0, None), ended.stderr
    return set(modules)


def test_the_run_has_loaded_its_models(imported):
    assert {"numpy", "cv2", "paho"} <= imported
    assert imported & {"ai_edge_litert", "tflite_runtime"}


@pytest.mark.parametrize("library", FOR_SOME)
def test_a_run_without_need_for_a_library_does_not_import_it(library, imported):
    assert library not in imported, FOR_SOME[library]
