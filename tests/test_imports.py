"""Who may import whom: stages meet in the types that flow, never each other."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

EDGE = Path(__file__).parent.parent / "edge"
MODULES = sorted(EDGE.rglob("*.py"))
STAGES = ("capture", "detect", "classify", "track", "alert", "notice", "publish")
AROUND = ("show", "batch", "app", "stages", "cli", "commands")


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def importers(name: str) -> set[str]:
    return {
        str(path.relative_to(EDGE))
        for path in MODULES
        if any(found == name or found.startswith(f"{name}.") for found in imports(path))
    }


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_imports_no_other_stage(stage):
    others = {f"edge.{other}" for other in (*STAGES, *AROUND) if other != stage}
    for path in (EDGE / stage).rglob("*.py"):
        crossing = {name for name in imports(path) if any(name == o or name.startswith(f"{o}.") for o in others)}
        assert crossing == set(), path


@pytest.mark.parametrize(
    ("library", "only"),
    [
        ("paho", {"publish/client.py"}),
        ("amqtt", {"publish/private_broker.py"}),
        ("uvicorn", {"show/page/serve.py", "show/page/protocol.py"}),
        ("starlette", {f"show/page/{name}.py" for name in ("app", "guard", "stream")}),
        ("tomllib", {"settings/load.py", "tflite.py"}),
        ("tomlkit", {"settings/edit.py"}),
    ],
)
def test_a_library_is_known_in_its_own_module_only(library, only):
    assert importers(library) == only


def test_the_command_line_alone_knows_typer():
    assert {name for name in importers("typer") if not name.startswith("commands/")} == {"cli.py"}


def test_only_the_composition_root_and_the_command_line_know_concrete_stages():
    for concrete in ("edge.detect.centerface", "edge.classify.mask", "edge.track.motion", "edge.alert.episodes"):
        assert importers(concrete) == {"stages.py"}, concrete


def test_the_walk_knows_types_and_contracts_only():
    inside = {name for name in imports(EDGE / "pipeline.py") if name.startswith("edge")}
    assert {name.split(".")[1] for name in inside} <= {"data", "capture"}


def test_nothing_in_the_package_imports_the_training():
    assert importers("models") == set()


def test_only_what_is_shown_and_the_demo_draw():
    drawing = ("putText", "rectangle", "polylines", "circle(")
    drawers = {
        str(path.relative_to(EDGE)) for path in MODULES if any(f"cv2.{name}" in path.read_text() for name in drawing)
    }
    assert drawers == {"show/overlay.py", "show/chart.py", "capture/demo/__init__.py"}


def test_wall_time_is_known_in_one_module():
    text = {str(path.relative_to(EDGE)): path.read_text() for path in MODULES}
    assert {name for name, source in text.items() if "time.time" in source or "datetime." in source} == {"clock.py"}


TREE = EDGE.parent


def of_tests(path: Path) -> set[str]:
    """Return the modules of tests that a file imports."""
    return {name for name in imports(path) if name.startswith("tests.") and is_module(name)}


def is_module(name: str) -> bool:
    path = TREE / name.replace(".", "/")
    return path.is_dir() or path.with_suffix(".py").is_file()


def test_no_test_module_is_imported_by_another():
    for path in (TREE / "tests").rglob("*.py"):
        tests = {name for name in of_tests(path) if name.split(".")[-1].startswith("test_") or "conftest" in name}
        assert tests == set(), path


def test_what_tests_share_imports_nothing_of_tests_but_itself():
    for path in (TREE / "tests/support").glob("*.py"):
        assert {name for name in of_tests(path) if not name.startswith("tests.support")} == set(), path


def test_only_tests_import_tests():
    for folder in ("edge", "models", "benchmarks", "examples"):
        for path in (TREE / folder).rglob("*.py"):
            assert {name for name in imports(path) if name.split(".")[0] == "tests"} == set(), path
