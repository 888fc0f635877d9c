"""The house stays in order: sizes, broad excepts, and room for the next detector and the next sink."""

from __future__ import annotations

import ast
import threading
from pathlib import Path

import numpy as np

from edge import pipeline
from edge import stages as parts
from edge.data import Faces
from edge.monitor.timings import Timings
from edge.settings.load import load
from tests.support import fakes

EDGE = Path(__file__).parent.parent / "edge"


def functions() -> list[tuple[str, int]]:
    found = []
    for path in EDGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
                found.append((f"{path.name}:{node.name}", lines))
    return found


def test_nine_functions_in_ten_fit_in_twenty_lines():
    lengths = sorted(length for _, length in functions())
    assert lengths[int(0.9 * len(lengths))] <= 20


def test_no_module_is_longer_than_400_lines():
    lengths = {str(path.relative_to(EDGE)): len(path.read_text().splitlines()) for path in EDGE.rglob("*.py")}
    assert {name: lines for name, lines in lengths.items() if lines > 400} == {}


def test_there_are_at_most_three_broad_excepts():
    """Around the capture thread, the worker's result, a file that is being written, and the code of other packages."""
    broad = [
        path.name
        for path in EDGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or getattr(node.type, "id", "") in {"Exception", "BaseException"})
    ]
    assert len(broad) <= 3


HOLDS_STATE = {
    "alert/episodes.py:_Case",
    "batch/processes.py:Workers",
    "bench/runs.py:Run",
    "classify/vote.py:_Ballot",
    "detect/cascade.py:_Place",
    "detect/cascade.py:_Watching",
    "monitor/drift/windows.py:_Block",
    "publish/isolation.py:_Suspect",
    "publish/link_state.py:LinkMemory",
    "publish/outbox.py:_Batch",
    "publish/outbox.py:_Fetch",
    "publish/store.py:Changes",
    "show/daily.py:_Episode",
    "show/page/accept.py:_Connection",
}
"""Records that count or collect; every other dataclass is a value."""


def test_values_are_frozen():
    """Several threads and sinks read them, so nothing may change them on the way."""
    changing = {
        f"{path.relative_to(EDGE)}:{node.name}"
        for path in EDGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
        for decorator in node.decorator_list
        if ast.unparse(decorator).startswith("dataclass") and "frozen=True" not in ast.unparse(decorator)
    }
    assert changing == HOLDS_STATE


def test_no_thread_keeps_the_process_from_ending_and_each_has_a_name():
    """A driver or a disk that does not respond holds its thread for ever; systemd would have to kill the process."""
    threads = {
        f"{path.relative_to(EDGE)}:{node.lineno}": ast.unparse(node)
        for path in EDGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Thread")
    }
    assert threads
    assert [place for place, call in threads.items() if "daemon=True" not in call or "name=" not in call] == []


def test_nothing_prints_but_the_command_line():
    printing = [
        path.name
        for path in EDGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"
    ]
    assert set(printing) <= {"cli.py"}


class CornerDetector:
    """A second detector: whatever the picture, a face in the corner."""

    def detect(self, _frame):
        return Faces(np.array([[0, 0, 20, 20]], np.float32), np.ones(1, np.float32))


class BareClassifier:
    """A second classifier: nobody wears a mask."""

    def classify(self, _frame, boxes):
        return fakes.verdicts(*[fakes.Mask.WITHOUT_MASK] * len(boxes))


def test_a_second_detector_and_a_new_sink_need_no_change_of_the_walk():
    settings = load(system_file=Path("/nonexistent")).settings
    models = parts.Models(CornerDetector(), BareClassifier(), {}, (320, 256))
    stages = parts.build_stages(settings, models, Timings(), every_frame=True)
    sink = fakes.KeepingSink()
    frames = [fakes.frame(at=k / 10, seq=k) for k in range(30)]
    pipeline.run(fakes.ListSource(frames), stages, [sink], stop=threading.Event(), beat=lambda: None)
    assert [(alert.event_type.value, alert.seq) for alert in sink.alerts] == [("start", 0), ("end", 1)]
    assert sink.alerts[0].raised_at == 1.0
