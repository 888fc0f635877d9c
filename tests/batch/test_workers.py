"""A batch in worker processes and on a cluster: the same bytes as in one process, whatever is killed."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from edge.batch import cluster
from edge.batch.engine import Engine, Job
from edge.batch.identity import identity_of
from edge.batch.inputs import Task, opened
from edge.batch.processes import worker_processes
from edge.capture.kinds import Kind
from edge.errors import CameraError, ConfigError, OutputError
from edge.settings.schema import Settings
from tests.support.fakes import eventually
from tests.support.ports import free_port
from tests.support.program import command, environment, maskwatch

LIVE = Settings.model_validate({"detector": {"profile": "live"}})


@pytest.fixture(scope="module")
def folder(tmp_path_factory, demo_picture, demo_video) -> Path:
    """Return a folder with images of different people, a bad one and a video."""
    folder = tmp_path_factory.mktemp("inputs")
    image = cv2.imread(str(demo_picture))
    for number in range(8):
        cv2.imwrite(str(folder / f"{number}.png"), image[:, 40 * number :])
    (folder / "bad.png").write_bytes(b"no image")
    shutil.copy(demo_video, folder / "a-video.avi")
    return folder


def outputs(place: Path) -> list[object]:
    return [
        *("--json", place / "faces.jsonl", "--csv", place / "faces.csv"),
        *("--alerts", place / "alerts.jsonl", "--annotate", place / "drawn"),
    ]


def contents(place: Path) -> dict[str, str]:
    """Return the hash of each file below a folder."""
    files = [path for path in sorted(place.rglob("*")) if path.is_file()]
    return {str(path.relative_to(place)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def expected(tmp_path_factory, folder) -> tuple[dict[str, str], str]:
    """Return what one process writes and prints."""
    place = tmp_path_factory.mktemp("expected")
    done = maskwatch("detect", folder, *outputs(place), "--digest")
    assert done.returncode == 1, done.stderr
    assert "bad.png" in done.stderr
    found = contents(place)
    assert len(found) == 12
    return found, done.stdout


def digests(text: str) -> list[str]:
    return re.findall(r"^digest ([0-9a-f]{64}) ", text, re.MULTILINE)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("way", [["--workers", "2"], ["--scheduler", "local:2"]])
def test_every_way_writes_the_same_bytes(tmp_path, folder, expected, way):
    if way[0] == "--scheduler":
        pytest.importorskip("distributed")
    done = maskwatch("detect", folder, *outputs(tmp_path), "--digest", *way, timeout_s=240)
    assert (done.returncode, done.stdout) == (1, expected[1]), done.stderr
    assert contents(tmp_path) == expected[0]
    assert "bad.png" in done.stderr
    assert [line for line in done.stderr.splitlines() if not line.startswith("maskwatch: ")] == []


def test_run_on_a_video_prints_the_digest_that_detect_prints(demo_video):
    detected = maskwatch("detect", demo_video, "--digest")
    watched = maskwatch(
        *("run", "--source", demo_video, "--headless", "--digest"), *("--set", f"mqtt.port={free_port()}")
    )
    assert watched.returncode == 0, watched.stderr
    assert digests(watched.stdout) == digests(detected.stdout) != []


def test_a_digest_differs_between_videos(tmp_path, folder, expected):
    """The first half of the video has other episodes."""
    half = tmp_path / "half.avi"
    whole = cv2.VideoCapture(str(folder / "a-video.avi"))
    writer = cv2.VideoWriter(str(half), cv2.VideoWriter.fourcc(*"MJPG"), 6.0, (960, 540))
    for _ in range(48):
        writer.write(whole.read()[1])
    writer.release()
    assert digests(maskwatch("detect", half, "--digest").stdout) != digests(expected[1])


@pytest.mark.parametrize("way", [[], ["--workers", "2"]])
def test_a_killed_run_goes_on_and_writes_the_same_bytes(tmp_path, folder, expected, way):
    arguments = command("detect", folder, *outputs(tmp_path), *way)
    progress = tmp_path / "faces.jsonl.progress"
    for results in (1, 4):
        killed = subprocess.Popen(arguments, stderr=subprocess.DEVNULL, env=environment())
        assert eventually(lambda results=results: finished(progress) >= results)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
    again = subprocess.run(arguments, capture_output=True, text=True, env=environment(), check=False)
    assert again.returncode == 1
    assert "goes on after" in again.stderr
    assert "bad.png" in again.stderr
    assert contents(tmp_path) == expected[0]


def finished(progress: Path) -> int:
    """Return how many results a progress file has; read from a copy, since its run keeps it locked."""
    script = (
        "import pathlib, shutil, sqlite3, sys, tempfile\n"
        "place = pathlib.Path(tempfile.mkdtemp())\n"
        "for end in ('', '-wal'):\n"
        "    shutil.copy(sys.argv[1] + end, place / ('p' + end))\n"
        "print(sqlite3.connect(place / 'p').execute('SELECT count(*) FROM result').fetchone()[0])\n"
    )
    done = subprocess.run([sys.executable, "-c", script, progress], capture_output=True, text=True, check=False)
    return int(done.stdout or 0)


def children(pid: int) -> list[int]:
    """Return the worker processes of a run, not the helper of multiprocessing."""
    listed = subprocess.run(["pgrep", "-P", str(pid), "-f", "spawn_main"], capture_output=True, text=True, check=False)
    return [int(line) for line in listed.stdout.split()]


def test_an_input_whose_worker_is_killed_twice_is_listed_and_the_others_are_classified(tmp_path, folder):
    """A pipe that nobody writes into holds its worker where it can be killed."""
    pipe = tmp_path / "held.png"
    os.mkfifo(pipe)
    out = tmp_path / "o.jsonl"
    run = subprocess.Popen(
        command("detect", pipe, folder / "0.png", folder / "1.png", "--json", out, "--workers", "2"),
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    held: set[int] = set()
    for _ in range(2):
        found: list[int] = []
        assert eventually(lambda found=found: found.extend(set(waiting_for(children(run.pid), pipe)) - held) or found)
        (worker,) = found
        held.add(worker)
        os.kill(worker, signal.SIGKILL)
    _, errors = run.communicate(timeout=60)
    assert run.returncode == 1
    assert f"{pipe}: its worker was killed 2 times" in errors
    assert "Traceback" not in errors
    assert [line.count('"source"') for line in out.read_text().splitlines()] == [1, 1]


def waiting_for(pids: list[int], pipe: Path) -> list[int]:
    """Return the processes that wait for somebody to write into a pipe: the kernel shows where they stand."""
    return [pid for pid in pids if "wait_for_partner" in _read(f"/proc/{pid}/stack") or _opens(pid, pipe)]


def _opens(pid: int, pipe: Path) -> bool:
    call = _read(f"/proc/{pid}/syscall").split()
    if not call or call[0] != "257":  # openat on x86-64
        return False
    with Path(f"/proc/{pid}/mem").open("rb") as memory:
        memory.seek(int(call[2], 16))
        return memory.read(len(str(pipe))) == str(pipe).encode()


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def test_workers_end_with_a_run_that_is_killed_and_print_nothing(tmp_path):
    """Both read a pipe that nobody writes into, so that the end of the run alone can end them."""
    pipes = [tmp_path / "a.png", tmp_path / "b.png"]
    for pipe in pipes:
        os.mkfifo(pipe)
    run = subprocess.Popen(
        command("detect", *pipes, "--json", tmp_path / "o.jsonl", "--workers", "2"),
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    assert eventually(lambda: all(waiting_for(children(run.pid), pipe) for pipe in pipes))
    run.kill()
    assert run.communicate(timeout=60) == (None, ""), "standard error ends with the last process that has it"


def test_an_error_in_a_worker_is_raised_here_and_no_worker_stays(tmp_path, demo_picture):
    """Not even one that waits for a pipe that nobody writes into.

    The second job has no settings, as a fault of the program might have it: that is no worker that was killed.
    """
    held = tmp_path / "held.png"
    os.mkfifo(held)
    task = Task(demo_picture, drawing=tmp_path / "absent" / "a.jpg")
    with pytest.raises(OutputError, match=r"a\.jpg: cannot be written"), worker_processes(Job(LIVE), 2) as workers:
        list(workers.results([Task(held, Kind.IMAGE), task]))
    assert multiprocessing.active_children() == []
    without: Job = Job(None)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match=r"its worker failed"), worker_processes(without, 1) as workers:
        list(workers.results([task]))
    assert multiprocessing.active_children() == []


def test_an_image_that_changes_while_it_is_read_is_listed(tmp_path, demo_picture):
    path = tmp_path / "a.png"
    shutil.copy(demo_picture, path)
    with pytest.raises(CameraError, match=r"a.png: changed while it was read; fix: "), opened(path):
        path.write_bytes(b"more")


@pytest.mark.parametrize(
    ("address", "code", "sentence"),
    [
        ("local:none", 78, "--scheduler local:none: is no number of workers; fix: such as local:2"),
        ("nonsense://x", 66, "--scheduler nonsense://x: cannot be reached; fix: "),
    ],
)
def test_a_wrong_address_of_a_scheduler_is_one_sentence(demo_picture, address, code, sentence):
    pytest.importorskip("distributed")
    done = maskwatch("detect", demo_picture, "--scheduler", address)
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.returncode == code


def test_a_scheduler_that_is_not_there_is_one_sentence(demo_picture):
    pytest.importorskip("distributed")
    address = f"tcp://127.0.0.1:{free_port()}"
    done = maskwatch("detect", demo_picture, "--scheduler", address)
    assert f"--scheduler {address}: cannot be reached; fix: start it, or correct the address" in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.returncode == 66


def test_without_the_extra_a_scheduler_is_refused_with_the_fix(tmp_path, demo_picture):
    (tmp_path / "distributed.py").write_text("raise ImportError")
    done = maskwatch("detect", demo_picture, "--scheduler", "local:1", PYTHONPATH=f"{tmp_path}:{Path.cwd()}")
    assert done.stderr == "maskwatch: --scheduler needs Dask; fix: pip install 'maskwatch[cluster]'\n"


def test_a_worker_with_another_model_is_refused(demo_picture):
    """As an older worker of the cluster would answer."""
    pytest.importorskip("distributed")

    job = Job(Settings())
    identity = {**identity_of(job, Engine(job).models), "face model": "aaa"}
    with pytest.raises(ConfigError, match=r"a worker of the cluster differs: face model was aaa and is .*; fix: "):
        cluster._classify(job, Task(demo_picture), identity)
