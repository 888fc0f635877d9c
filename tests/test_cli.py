"""The command line: help, check, and the errors of wrong input."""

from __future__ import annotations

import csv
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge import __version__
from edge.commands.options import load_settings
from edge.settings.schema import Environment
from tests.support.program import ROOT, command, environment, maskwatch

COMMANDS = (
    "run",
    "view",
    "sign",
    "detect",
    "watch",
    "check",
    "setup",
    "doctor",
    "calibrate",
    "bench",
    "purge",
    "sheet",
    "web",
    "evaluate",
    "compare",
)


def test_the_version_is_printed():
    assert maskwatch("--version").stdout == f"maskwatch {__version__}\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples_and_the_common_options(command):
    done = maskwatch(command, "--help")
    assert done.returncode == 0
    assert f"maskwatch {command}" in done.stdout
    for option in ("--env", "--config", "--set"):
        assert option in done.stdout


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_printed_in_every_encoding(name, encoding):
    """Latin-1 has no "…": the help of run ended with a UnicodeEncodeError."""
    env = environment(PYTHONIOENCODING=encoding)
    done = subprocess.run(command(name, "--help"), env=env, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert f"maskwatch {name}" in done.stdout.decode(encoding)


def test_check_prints_every_setting_and_where_it_came_from():
    done = maskwatch("check", "--set", "mqtt.port=1999")
    assert done.returncode == 0
    (line,) = [line for line in done.stdout.splitlines() if "mqtt.port" in line]
    assert "1999" in line
    assert "--set" in line


def test_check_refuses_what_run_would_refuse(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text("[mqtt]\nprot = 1\n")
    done = maskwatch("check", "--config", path)
    assert done.returncode == 78
    assert str(path) in done.stderr
    assert "mqtt.prot: unknown setting (did you mean 'port'?)" in done.stderr


REFUSED = [
    ("web.host=0.0.0.0", 78, "web.host: 0.0.0.0: other machines can reach this address"),
    ("web.tls_cert=/nonexistent/web.pem", 78, "web.tls_cert, web.tls_key: only one of them is set"),
    ("show.socket=/nonexistent/s", 78, "show.socket: /nonexistent/s: cannot be created: No such file"),
    ("mqtt.host=", 78, "mqtt.host: is not set"),
    ("classifier.model=/nonexistent", 65, "/nonexistent/model.toml: no such file"),
    ("camera.source=none.mp4", 66, "none.mp4: no such file"),
    ("camera.source={folder}", 66, "has no image"),
    ("notice.lamp_pin=GPIO40", 78, "notice.lamp_pin: write the pin"),
    ("web.serve=true privacy.aggregate=true", 78, "web.serve: privacy.aggregate allows no image"),
]


@pytest.mark.parametrize(("settings", "code", "sentence"), REFUSED)
def test_check_and_run_refuse_the_same_settings_with_the_same_sentence(tmp_path, settings, code, sentence):
    """Check accepted what run refused, such as a page for the whole network without TLS."""
    words = [word for pair in settings.format(folder=tmp_path).split() for word in ("--set", pair)]
    checked, ran = maskwatch("check", *words), maskwatch("run", "--headless", *words)
    assert (checked.returncode, ran.returncode) == (code, code), checked.stderr + ran.stderr
    assert checked.stderr == ran.stderr
    assert sentence in checked.stderr


def test_check_reads_nothing_from_a_pipe_that_is_set_as_the_camera(tmp_path):
    os.mkfifo(tmp_path / "pipe.avi")
    both_ends = os.open(tmp_path / "pipe.avi", os.O_RDWR | os.O_NONBLOCK)
    os.write(both_ends, b"the first frame")
    done = maskwatch("check", "--set", f"camera.source={tmp_path}/pipe.avi", timeout_s=30)
    assert (done.returncode, done.stderr) == (0, "")
    assert os.read(both_ends, 100) == b"the first frame"
    os.close(both_ends)


@pytest.mark.parametrize(
    ("who", "variables", "dwell_s", "origin"),
    [
        (1000, {}, 7.5, "{folder}/maskwatch/config.toml"),
        (0, {}, 1.0, "default.toml"),
        (1000, {"STATE_DIRECTORY": "/var/lib/maskwatch"}, 1.0, "default.toml"),
    ],
    ids=["a user", "root", "a service"],
)
def test_the_file_of_a_user_is_read_by_every_command_of_that_user_only(
    tmp_path, monkeypatch, who, variables, dwell_s, origin
):
    """Setup wrote a maskwatch.toml that no other command read."""
    (tmp_path / "maskwatch").mkdir()
    (tmp_path / "maskwatch/config.toml").write_text("[alert]\ndwell_s = 7.5\nclear_s = 7.5\n")
    monkeypatch.setattr(os, "geteuid", lambda: who)
    monkeypatch.setattr("logging.basicConfig", lambda **_: None)
    for name, value in ({"XDG_CONFIG_HOME": str(tmp_path)} | variables).items():
        monkeypatch.setenv(name, value)
    loaded = load_settings(Environment.DEVELOPMENT, None, ["alert.clear_s=2.5"])
    assert loaded.settings.alert.dwell_s == dwell_s
    assert loaded.origins["alert.dwell_s"] == origin.format(folder=tmp_path)
    assert (loaded.settings.alert.clear_s, loaded.origins["alert.clear_s"]) == (2.5, "--set")


@pytest.mark.parametrize("arguments", [["fly"], ["run", "--fly"], ["view", "extra"]])
def test_a_wrong_command_line_ends_with_2(arguments):
    done = maskwatch(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_view_without_a_display_ends_with_a_sentence():
    done = maskwatch("view")
    assert done.returncode == 66
    assert "there is no display" in done.stderr


def test_a_library_that_cannot_be_loaded_is_one_sentence_that_names_the_doctor(tmp_path):
    (tmp_path / "cv2.py").write_text("raise ImportError('libGL.so.1: cannot open shared object file')")
    done = maskwatch("detect", tmp_path, PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}")
    assert done.returncode == 1
    assert done.stderr == "maskwatch: libGL.so.1: cannot open shared object file; fix: see maskwatch doctor\n"


def test_bench_prints_the_time_of_each_stage_and_appends_a_row(tmp_path, demo_video):
    out, rows = tmp_path / "bench.json", tmp_path / "results.csv"
    done = maskwatch("bench", demo_video, "--frames", 20, "--json", out, "--csv", rows)
    assert done.returncode == 0, done.stderr
    for word in ("read", "detect", "track", "classify", "fps", "median", "p95", "motion gate", "gate and governor"):
        assert word in done.stdout
    figures = json.loads(out.read_text())
    assert figures["frames"] == figures["runs"]["gate"]["frames"] == 20
    with rows.open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["source"], row["frames"]) == (demo_video.name, "20")


def test_bench_refuses_to_append_to_another_file_before_it_measures(tmp_path):
    other = tmp_path / "faces.csv"
    other.write_text("file,label\n")
    done = maskwatch("bench", "--csv", other)
    assert (done.returncode, done.stdout, other.read_text()) == (78, "", "file,label\n")
    assert done.stderr == f"maskwatch: {other}: has other columns than a file of `bench --csv`; fix: name a new file\n"


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    """Return a folder with files that a user without rights may not enter."""
    folder = tmp_path / "closed"
    folder.mkdir()
    (folder / "clip.mp4").write_bytes(b"")
    os.chown(folder, 1 if os.getuid() == 0 else -1, -1)
    folder.chmod(0o600 if os.getuid() == 0 else 0)
    yield folder
    folder.chmod(0o700)


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["detect", "{closed}/clip.mp4"], 66, "{closed}/clip.mp4: this user may not use it"),
        (["run", "--source", "{closed}/clip.mp4"], 66, "{closed}/clip.mp4: this user may not use it"),
        (["run", "--config", "{closed}/c.toml"], 78, "{closed}/c.toml"),
        (
            ["watch", "--set", "mqtt.user=u", "--set", "mqtt.password_file={closed}/p"],
            78,
            "cannot be read by this user",
        ),
        (["web", "--token", "--set", "web.token_file={closed}/t"], 78, "web.token_file: {closed}/t"),
        (["run", "--set", "show.socket=/nonexistent/s"], 78, "show.socket: /nonexistent/s: cannot be created: No such"),
        (["web", "--token"], 78, "web.token_file: {closed}/maskwatch/web-token"),
        (["view"], 66, ""),
    ],
)
def test_a_folder_that_may_not_be_entered_is_one_sentence(closed, words, code, sentence):
    without_rights = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.getuid() == 0 else []
    line = command(*[word.format(closed=closed) for word in words])
    env = environment(XDG_STATE_HOME=str(closed), XDG_RUNTIME_DIR=str(closed))
    done = subprocess.run([*without_rights, *line], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr
    assert (done.returncode, sentence.format(closed=closed) in done.stderr) == (code, True), done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_no_types_of_python(command):
    done = maskwatch(command, "--help")
    for word in ("<bool>", "<path>", "<str>", "<list[", "{", "--no-", "<float"):
        assert word not in done.stdout
    assert "--quiet" in done.stdout
    assert "--verbose" in done.stdout


def test_quiet_and_verbose_set_the_log_and_exclude_each_other(demo_picture):
    assert json.loads(maskwatch("check", "--quiet", "--json", "-").stdout)["log.level"]["value"] == "error"
    assert json.loads(maskwatch("check", "-v", "--json", "-").stdout)["log.level"]["value"] == "debug"
    both = maskwatch("check", "-q", "-v")
    assert (both.returncode, "exclude each other" in both.stderr) == (2, True)
    assert maskwatch("detect", demo_picture, "--quiet").stderr == ""


@pytest.mark.parametrize("command", ["check", "doctor"])
def test_json_on_standard_output_is_only_json(command):
    done = maskwatch(command, "--json", "-")
    assert len(json.loads(done.stdout)) > 10


def test_check_gives_each_setting_with_its_origin_as_json(tmp_path):
    out = tmp_path / "c.json"
    done = maskwatch("check", "--set", "mqtt.port=1999", "--json", out)
    assert "mqtt.port" in done.stdout
    assert json.loads(out.read_text())["mqtt.port"] == {"value": 1999, "from": "--set"}


@pytest.mark.parametrize("source", ["demo", "auto"])
def test_calibrate_refuses_the_demo(source):
    if source == "auto" and any(Path("/dev").glob("video*")):
        pytest.skip("a camera is connected here")
    done = maskwatch("calibrate", "--set", f"camera.source={source}")
    assert (done.returncode, done.stdout) == (66, "")
    assert "there is only the demo; fix: connect a camera" in done.stderr


def test_run_prints_the_time_of_each_stage_only_with_timings(demo_video):
    words = ["run", "--headless", "--source", demo_video, "--set", "camera.pace=false", "--set", "mqtt.port=0"]
    plain, timed = maskwatch(*words), maskwatch(*words, "--timings")
    assert plain.returncode == timed.returncode == 0
    assert "detect" not in plain.stdout
    assert "detect" in timed.stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["run", "--env", "prod"], "'prod' is not one of"),
        (["detect", "x", "--every", "-1"], "must be greater than or equal to 0"),
        (["sheet", "x", "--language", "xx"], "'xx' is not one of"),
    ],
)
def test_the_error_of_a_wrong_option_is_in_plain_words(words, sentence):
    done = maskwatch(*words)
    assert done.returncode == 2
    assert sentence in " ".join(done.stderr.replace("│", " ").split())
    assert "Value error" not in done.stderr
    assert "Input should" not in done.stderr
