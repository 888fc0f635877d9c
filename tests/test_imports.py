"""The architecture as imports: layers whose arrows point down, no circle, and each library known in one place."""

from __future__ import annotations

import ast
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EDGE = ROOT / "edge"
MODULES = sorted(EDGE.rglob("*.py"))
STAGES = ("capture", "detect", "classify", "track", "alert", "notice", "publish")
AROUND = ("show", "batch", "app", "stages", "cli", "commands")

LAYERS = (
    # at the top: what is run or imported by others, and what checks and trains it
    ("tests.release",),
    ("tests",),
    ("benchmarks", "examples"),
    ("tests.support",),
    ("models.train.pipeline",),
    ("models.train.mask", "models.train.face"),
    ("models.train.draw",),
    ("models.train",),
    # the commands
    ("edge.__main__", "edge.reference"),
    ("edge.cli",),
    ("edge.commands",),
    # what decides over models, by what they do on labelled images
    ("edge.registry.gate",),
    # what a command or a program does as a whole
    ("edge.setup",),
    ("edge.doctor", "edge.evaluation", "edge.label", "edge.testing"),
    ("edge.app", "edge.batch", "edge.bench", "edge.api"),
    # the sinks: where a scene goes
    ("edge.show",),
    ("edge.publish", "edge.privacy", "edge.history"),
    # the walk of a frame through its stages
    ("edge.stages",),
    ("edge.registry",),
    ("edge.monitor",),
    ("edge.pipeline", "edge.profiles"),
    ("edge.distance",),
    ("edge.capture", "edge.detect", "edge.classify", "edge.track", "edge.alert"),
    # what a user sets
    ("edge.plugins",),
    ("edge.settings",),
    ("edge.notice",),
    # what everything may use
    ("edge.redaction", "edge.secret", "edge.delegate"),
    ("edge.paths", "edge.boxes", "edge.crop", "edge.counts", "edge.intervals", "edge.tflite"),
    ("edge.errors", "edge.data", "edge.clock", "edge.files", "edge.network", "edge.programs", "edge.systemd"),
)
"""Each package imports only what stands below it; packages of one line do not import each other."""
TREES = ("edge", "models/train", "tests", "benchmarks", "examples")
PATHS = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for tree in TREES
    for path in (ROOT / tree).rglob("*.py")
}


@cache
def imports(path: Path, *, types: bool = True) -> set[str]:
    """Return the names that a module imports, anywhere in it; without `types` not those for annotations alone."""
    tree, found = ast.parse(path.read_text()), set()
    blocks = [node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)]
    left_out = set() if types else {id(node) for block in blocks for node in ast.walk(block)}
    for node in ast.walk(tree):
        if id(node) in left_out:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@cache
def modules(path: Path, *, types: bool = True) -> set[str]:
    """Return the modules of this repository that a module imports; of a package's submodule, not the package."""
    named = {name for name in imports(path, types=types) if name in PATHS}
    return {name for name in named if not any(other.startswith(f"{name}.") for other in named)}


def package(module: str) -> str:
    """Return the package of a module as LAYERS lists it."""
    return max((name for name in LAYER if f"{module}.".startswith(f"{name}.")), key=len, default="")


LAYER = {name: height for height, layer in enumerate(reversed(LAYERS)) for name in layer}


def test_every_module_has_its_layer():
    assert {module for module in PATHS if not package(module)} == {"edge"}


@pytest.mark.parametrize("name", sorted(LAYER))
def test_imports_point_down(name):
    upwards = {
        f"{module} imports {other}"
        for module, path in PATHS.items()
        if package(module) == name
        for other in modules(path) - {"edge"}
        if package(other) != name and LAYER.get(package(other), -1) >= LAYER[name]
    }
    assert upwards == set()


def test_the_front_door_loads_nothing_when_it_is_imported():
    assert modules(EDGE / "__init__.py", types=False) == set()


def test_what_the_front_door_leads_to_takes_only_the_version_from_it():
    taken = {name for path in MODULES for name in imports(path) if name.startswith("edge.") and name.count(".") == 1}
    assert taken - set(PATHS) == {"edge.__version__"}


def test_no_import_goes_in_a_circle():
    graph = {module: modules(path, types=False) - {module, "edge"} for module, path in PATHS.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


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
        (
            "starlette",
            {
                "label/page.py",
                *(f"show/page/{name}.py" for name in ("app", "door", "guard", "history", "serve", "stream")),
            },
        ),
        (
            "prometheus_client",
            {"app/metrics.py", *(f"monitor/{name}.py" for name in ("exporter", "figures", "metrics"))},
        ),
        ("tomllib", {"settings/load.py", "tflite.py", "evaluation/truth.py"}),
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


def of_tests(path: Path) -> set[str]:
    """Return the modules of tests that a file imports."""
    return {name for name in modules(path) if name.startswith("tests.")}


def test_no_test_module_is_imported_by_another():
    for path in (ROOT / "tests").rglob("*.py"):
        tests = {name for name in of_tests(path) if name.split(".")[-1].startswith("test_") or "conftest" in name}
        assert tests == set(), path
