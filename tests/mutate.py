"""Mutation run: change one place of the product at a time and check that a test fails.

    python -m tests.mutate [--mutants 200] [--seed 1] [--jobs 2] [ROOM...]

cosmic-ray makes the mutants; each runs the tests of its module in a copy of the tree. The sample is drawn by the seed,
with at most one mutant per place, so that an addition, which has ten mutants, counts no more than a `not`.
"""

from __future__ import annotations

import argparse
import ast
import multiprocessing
import os
import random
import shlex
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import cosmic_ray.plugins
from cosmic_ray.commands import init
from cosmic_ray.mutating import mutate_and_test, mutate_code
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import MutationSpec
from rich.console import Console

from tests.faults.prove import copy_of_the_tree

GROUPS = (
    tuple(f"edge/{name}" for name in ("track", "alert", "classify", "detect", "distance", "pipeline.py", "stages.py")),
    ("edge/notice",),
    ("edge/publish",),
)
"""The stages, the notices and the messages; each group has the same share of the sample."""
MORE = {
    "edge/stages.py": "test_house.py test_pipeline.py",
    "edge/pipeline.py": "test_pipeline.py test_house.py",
    "edge/distance": "distance/test_ranging.py distance/test_proximity.py distance/test_refine.py",
    "edge/publish/access.py": "publish/test_acl.py publish/test_embedded.py",
    "edge/publish/alert_index.py": "publish/test_outbox.py publish/test_store.py",
    "edge/publish/broker.py": "publish/test_tls.py publish/test_address.py",
    "edge/publish/buffered_store.py": "publish/test_store.py publish/test_outbox.py",
    "edge/publish/client.py": "publish/test_mqtt.py publish/test_tls.py publish/test_link_limits.py",
    "edge/publish/incoming.py": "publish/test_link_limits.py publish/test_mqtt.py",
    "edge/publish/isolation.py": "publish/test_link_limits.py publish/test_outbox.py",
    "edge/publish/link_state.py": "publish/test_mqtt.py publish/test_link_limits.py",
    "edge/publish/mqtt.py": "publish/test_link_limits.py",
    "edge/publish/outgoing.py": "publish/test_link_limits.py publish/test_mqtt.py",
    "edge/publish/presence.py": "publish/test_publisher.py publish/test_camera_status.py publish/test_aggregate.py",
    "edge/publish/private_broker.py": "publish/test_embedded.py",
    "edge/publish/publisher.py": "publish/test_camera_status.py publish/test_command.py test_pipeline.py",
    "edge/publish/session.py": "publish/test_mqtt.py publish/test_link_limits.py",
    "edge/publish/test_alert.py": "publish/test_message.py publish/test_command.py",
    "edge/publish/worker.py": "publish/test_outbox.py publish/test_publisher.py",
}
"""Test files below tests/ of a module that has none of its own name, or needs them too."""
_OF_ALL = "tests/test_house.py"
"""The rules that hold for every module, such as frozen values."""
_LEFT_OUT = "not 200_mb"
"""A test that takes half a minute of a whole machine."""
_LEAST_SHARE = 0.9
_LEAST_LIMIT_S = 30.0
"""A mutant may take this long, and three times as long as the tests do without it; an endless one is killed."""


def tests_of(module: Path) -> list[str]:
    """Return the test files of a module: the one that mirrors it and those named above, else those of its room."""
    mirror = Path("tests", *module.parts[1:-1], f"test_{module.stem}.py")
    more = MORE.get(str(module)) or MORE.get(str(module.parent), "")
    named = [str(mirror)] * mirror.is_file() + [f"tests/{name}" for name in more.split()]
    return list(dict.fromkeys([*(named or [str(mirror.parent)]), _OF_ALL]))


def command_for(module: Path) -> str:
    """Return the command line that tests a module, up to its first failure."""
    options = ["-q", "-x", "-m", "not long", "-p", "no:cacheprovider", "-k", _LEFT_OUT]
    return shlex.join([sys.executable, "-m", "pytest", *options, *tests_of(module)])


def places_of(rooms: Sequence[str]) -> dict[tuple, list[MutationSpec]]:
    """Return the mutants by module and place."""
    modules = [path for room in rooms for path in ([Path(room)] if room.endswith(".py") else Path(room).rglob("*.py"))]
    places: dict[tuple, list[MutationSpec]] = {}
    with tempfile.TemporaryDirectory() as folder, use_db(Path(folder) / "mutants", WorkDB.Mode.create) as found:
        init(sorted(modules), found, {})
        for item in found.work_items:
            mutation = item.mutations[0]
            places.setdefault((mutation.module_path, mutation.start_pos, mutation.end_pos), []).append(mutation)
    return places


def sample(rooms: Sequence[str], mutants: int, seed: int) -> list[MutationSpec]:
    """Return mutants at random places, one per place, none of which changes nothing."""
    dice, places = random.Random(seed), places_of(rooms)
    drawn: list[MutationSpec] = []
    for place in dice.sample(sorted(places), len(places)):
        mutation = dice.choice(sorted(places[place], key=lambda each: each.operator_name))
        if len(drawn) < mutants and changes_behaviour(mutation):
            drawn.append(mutation)
    return drawn


def changes_behaviour(mutation: MutationSpec) -> bool:
    """Return whether a mutant compiles and differs in more than annotations, type imports, slots, `strict` and `is`."""
    source = mutation.module_path.read_text()
    operator = cosmic_ray.plugins.get_operator(mutation.operator_name)()
    try:
        return _behaviour(source) != _behaviour(mutate_code(source, operator, mutation.occurrence))
    except (SyntaxError, AttributeError):  # the star of keyword-only parameters; a dotted exception breaks cosmic-ray
        return False


def _behaviour(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign | ast.arg):
            node.annotation = ast.Constant(None)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        elif isinstance(node, ast.Compare):  # of members of enums and None
            same = {ast.Is: ast.Eq(), ast.IsNot: ast.NotEq()}
            node.ops = [same.get(type(each), each) for each in node.ops]
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.test = ast.Constant(None)
        elif isinstance(node, ast.Call):
            node.keywords = [keyword for keyword in node.keywords if keyword.arg not in ("slots", "strict")]
    return ast.dump(tree)


def enter_copy(folder: str) -> None:
    """Work in a copy of the tree of this process's own."""
    own = Path(tempfile.mkdtemp(dir=folder))
    copy_of_the_tree(own)
    os.chdir(own)
    os.environ["PYTHONPATH"] = str(own)


def outcome_of(work: tuple[MutationSpec, float]) -> tuple[MutationSpec, str, str]:
    """Return what became of a mutant, "timeout" where its tests outlast the limit, and its lines before and after."""
    mutation, limit_s = work
    result = mutate_and_test([mutation], command_for(mutation.module_path), limit_s)
    changed = [line for line in (result.diff or "").splitlines() if line[:1] in "+-" and line[:3] not in ("---", "+++")]
    outcome = "timeout" if result.output == "timeout" else result.test_outcome.value
    return mutation, outcome, "\n".join(changed) or str(result.output)


def seconds_of(command: str) -> tuple[str, float]:
    """Return how long the tests take on the unchanged tree; fail where they fail, which would kill every mutant."""
    began_at = time.monotonic()
    done = subprocess.run(shlex.split(command), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"these tests fail without a mutant: {command}\n{done.stdout[-2000:]}")
    return command, time.monotonic() - began_at


def run(mutations: list[MutationSpec], jobs: int, console: Console) -> list[MutationSpec]:
    """Test the mutants; print and return the survivors."""
    survivors: list[MutationSpec] = []
    with (
        tempfile.TemporaryDirectory(prefix="mutate") as folder,
        multiprocessing.Pool(jobs, enter_copy, (folder,)) as pool,
    ):
        commands = sorted({command_for(mutation.module_path) for mutation in mutations})
        usual_s = dict(pool.imap_unordered(seconds_of, commands))
        console.print(f"{len(commands)} sets of tests pass without a mutant", highlight=False)
        work = [(each, 3 * usual_s[command_for(each.module_path)] + _LEAST_LIMIT_S) for each in mutations]
        for number, (mutation, outcome, lines) in enumerate(pool.imap_unordered(outcome_of, work), 1):
            where = f"{mutation.module_path}:{mutation.start_pos[0]} {mutation.operator_name.removeprefix('core/')}"
            console.print(f"{number:>4} {outcome:<9} {where}", highlight=False, markup=False)
            if outcome == "survived":
                survivors.append(mutation)
                console.print(lines, highlight=False, markup=False)
    return survivors


def main() -> None:
    """Draw, run, and print how many were killed by room."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("rooms", nargs="*", metavar="ROOM", help="folders or modules instead of those of GROUPS")
    parser.add_argument("--mutants", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    wanted = parser.parse_args()
    groups = [wanted.rooms] if wanted.rooms else GROUPS
    shares = [wanted.mutants * (k + 1) // len(groups) - wanted.mutants * k // len(groups) for k in range(len(groups))]
    mutations = [m for group, share in zip(groups, shares, strict=True) for m in sample(group, share, wanted.seed)]
    console = Console(width=120)
    survivors = run(mutations, wanted.jobs, console)
    of = [Counter(str(mutation.module_path.parent) for mutation in some) for some in (mutations, survivors)]
    for room in sorted(of[0]):
        console.print(f"{room:<20}{of[0][room] - of[1][room]:>4} of {of[0][room]:>4} killed", highlight=False)
    killed = len(mutations) - len(survivors)
    console.print(f"{killed} of {len(mutations)} killed", highlight=False)
    sys.exit(killed < _LEAST_SHARE * len(mutations))


if __name__ == "__main__":
    main()
