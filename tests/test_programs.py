"""Programs and modules come from where they are installed, never from the current folder."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from edge import programs
from edge.doctor import FindingState, packages
from edge.doctor.host import Host, run
from edge.notice.player import Player
from edge.notice.sound import SoundError
from edge.notice.speech import spoken
from edge.show.child_process import ChildProcess
from tests.support.fakes import eventually
from tests.support.program import ROOT

EDGE = ROOT / "edge"
_EVIL = "import pathlib; pathlib.Path(__file__).with_name('caught').touch(); raise SystemExit(1)\n"


@pytest.fixture
def trap(tmp_path, monkeypatch):
    """Return the current folder, full of modules and programs that leave a mark when they are run."""
    for module in ("edge", "cv2", "numpy", "ensurepip", "ai_edge_litert", "json"):
        (tmp_path / f"{module}.py").write_text(_EVIL)
    for name in ("aplay", "espeak-ng", "fc-match", "systemctl", "strange-program"):
        (tmp_path / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/caught\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return tmp_path


def test_a_child_process_imports_nothing_from_the_current_folder(trap):
    ended = []
    child = ChildProcess("version", ["--version"], on_quit=lambda: ended.append(0), report=ended.append)
    assert eventually(lambda: child.put(None) or any(text != "" for text in ended), 30)
    child.close()
    assert [text for text in ended if text != ""] == [0]
    assert not (trap / "caught").exists()


def test_the_probes_of_the_doctor_import_nothing_from_the_current_folder(trap):
    assert Host().run_python("import json, numpy").code == 0
    assert packages.venv(Host()).state is FindingState.OK
    assert packages.opencv(Host()).state is not FindingState.MISSING
    assert not (trap / "caught").exists()


@pytest.mark.parametrize("path", ["", ".", "::", "./", "relative/..", "/nonexistent:"])
def test_a_relative_entry_of_path_is_ignored(trap, path, monkeypatch):
    monkeypatch.setenv("PATH", path)
    assert programs.path_of("strange-program") is None
    assert run(["strange-program"]).code == 127
    with pytest.raises(SoundError, match="no program that plays sound"):
        Player().play(trap / "clip.wav", length_s=0)
    with pytest.raises(SoundError, match="espeak-ng is not installed"):
        spoken([type("Phrase", (), {"language": "en", "text": "x"})], trap)
    assert not (trap / "caught").exists()


def test_this_python_is_started_by_its_absolute_path():
    line = programs.python("-c", "x")
    assert Path(line[0]).is_absolute()
    assert line[1:] == ["-P", "-c", "x"]
    assert Path(programs.python(interpreter="python")[0]).is_absolute()


def starters() -> dict[str, str]:
    """Return the modules of the product that start a process."""
    found = {}
    for path in EDGE.rglob("*.py"):
        text = path.read_text()
        names = {node.attr for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Attribute)}
        if names & {"Popen", "execv", "execvp", "system", "posix_spawn"} or "subprocess.run" in text:
            found[str(path.relative_to(EDGE))] = text
    return found


def test_every_module_that_starts_a_process_finds_its_program_here():
    assert starters()
    assert {name for name, text in starters().items() if "import programs" not in text} == set()
    naming = {
        path.name for path in EDGE.rglob("*.py") if re.search(r"shutil\.which|\[sys\.executable", path.read_text())
    }
    assert naming == {"programs.py"}


def test_the_installation_by_root_runs_python_in_a_folder_of_root():
    lines = (ROOT / "systemd/install.sh").read_text().splitlines()
    first = next(
        number for number, line in enumerate(lines) if re.match(r'(command -v )?("\$program/bin/)?python', line)
    )
    assert "cd /" in lines[:first]
