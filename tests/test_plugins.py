"""Detectors, classifiers and sinks of other installed packages."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edge import plugins
from edge.errors import ConfigError
from edge.settings.load import load
from tests.support import fakes
from tests.support.fakes import eventually
from tests.support.ports import free_port
from tests.support.program import ROOT, environment, maskwatch
from tests.support.service import Ear, Watch, on

SETTINGS = load(system_file=None).settings
HEADLESS = ("--headless", "--set", "mqtt.outbox=memory")


def install(package: Path, site: Path) -> None:
    """Build a package as its author does, and install it into a folder; its sources are gone then."""
    sources = site.parent / f"{package.name} sources"
    shutil.copytree(package, sources)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--no-build-isolation", "--target", site, sources], check=True, capture_output=True)
    shutil.rmtree(sources)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the two packages of the examples, installed."""
    site = tmp_path_factory.mktemp("installed") / "site"
    for name in ("own_detector", "own_sink"):
        install(ROOT / "examples" / name, site)
    return site


def path_with(*sites: Path) -> str:
    return ":".join(map(str, (ROOT, *sites)))


def run(source: Path, site: Path, *arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the service on a video, with a broker that is not there."""
    broker = ("--set", "mqtt.host=127.0.0.1", "--set", f"mqtt.port={free_port()}")
    return maskwatch("run", "--source", source, *HEADLESS, *broker, *arguments, PYTHONPATH=path_with(site), **more)


def test_a_sink_of_an_installed_package_gets_the_alerts_of_a_run(site, tmp_path, demo_video):
    file = tmp_path / "alerts.csv"
    done = run(demo_video, site, "--set", "device.name=stop-7", ALERT_FILE=str(file))
    assert done.returncode == 0, done.stderr
    rows = list(csv.reader(file.read_text().splitlines()))
    assert [row[:3] for row in rows][:1] == [["stop-7", "start", "without_mask"]]
    assert {row[1] for row in rows} >= {"start", "end"}


def test_a_detector_of_an_installed_package_is_chosen_by_the_decoder_in_model_toml(site, tmp_path, demo_video):
    chosen = ("--set", f"detector.model={site / 'own_detector/model'}")
    file = tmp_path / "alerts.csv"
    done = run(demo_video, site, *chosen, ALERT_FILE=str(file))
    assert done.returncode == 0, done.stderr
    assert ",start,without_mask," in file.read_text()


def test_without_its_package_the_decoder_is_unknown_and_those_that_are_known_are_named(site, tmp_path, demo_video):
    model = shutil.copytree(site / "own_detector/model", tmp_path / "model")
    done = run(demo_video, tmp_path, "--set", f"detector.model={model}")
    assert done.returncode == 65
    assert done.stderr == "maskwatch: model centerface-mirrored: decoder mirrored is none of centerface\n"


def test_a_sink_whose_factory_returns_none_is_not_there(site, monkeypatch):
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.delenv("ALERT_FILE", raising=False)
    assert plugins.open_sinks(SETTINGS) == ()


def test_the_packages_of_the_examples_pass_their_own_tests(site, tmp_path):
    for name in ("own_detector", "own_sink"):
        test = shutil.copy(ROOT / f"examples/{name}/test_{name}.py", tmp_path)
        pytest_command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test]
        environ = environment(PYTHONPATH=path_with(site))
        done = subprocess.run(pytest_command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def package(site: Path, name: str, entry: str, code: str) -> None:
    """Write what pip leaves of a package of one module; `entry` is GROUP:NAME=OBJECT."""
    group, _, point = entry.partition(":")
    (site / f"{name}.py").write_text(code)
    folder = site / f"{name}-1.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(f"[{group}]\n{point.replace('=', f' = {name}:')}\n")


@pytest.fixture
def own_site(tmp_path, monkeypatch) -> Path:
    """Return an empty folder on the module path."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


BROKEN = {
    "no such module": ("import nothing_of_this_name", "ModuleNotFoundError: No module named 'nothing_of_this_name'"),
    "no such object": ("", "AttributeError: module 'broken_1' has no attribute 'make'"),
    "raises": ("def make(settings): raise OSError('the lamp is off')", "OSError: the lamp is off"),
    "wrong arguments": ("def make(): pass", "TypeError: make() takes 0 positional arguments but 1 was given"),
    "makes no sink": ("def make(settings): return 3", "returned int, which has no method put"),
}


@pytest.mark.parametrize("number", range(len(BROKEN)), ids=list(BROKEN))
def test_a_broken_sink_is_one_sentence_that_names_package_and_entry_point(own_site, number):
    code, reason = list(BROKEN.values())[number]
    name = f"broken_{number}"
    package(own_site, name, "maskwatch.sinks:shout=make", code)
    with pytest.raises(ConfigError) as raised:
        plugins.open_sinks(SETTINGS)
    assert str(raised.value) == f"package {name} 1.0: entry point maskwatch.sinks:shout = {name}:make: {reason}"


def test_a_run_with_a_broken_package_ends_with_that_sentence(tmp_path, demo_video):
    package(tmp_path, "broken", "maskwatch.sinks:shout=make", "def make(settings): raise OSError('the lamp is off')")
    done = run(demo_video, tmp_path)
    assert done.returncode == 78
    sentence = "package broken 1.0: entry point maskwatch.sinks:shout = broken:make: OSError: the lamp is off"
    assert done.stderr.splitlines()[-1] == f"maskwatch: {sentence}"


def test_check_refuses_a_package_that_cannot_be_loaded(tmp_path):
    package(tmp_path, "broken", "maskwatch.sinks:shout=make", "import nothing_of_this_name")
    done = maskwatch("check", PYTHONPATH=path_with(tmp_path))
    assert done.returncode == 78
    assert "package broken 1.0: entry point maskwatch.sinks:shout" in done.stderr


def test_sinks_that_were_opened_before_a_broken_one_are_closed(own_site):
    code = "closed = []\nclass make:\n    def __init__(self, settings): pass\n    def put(self, scene): pass\n"
    package(own_site, "a_good_sink", "maskwatch.sinks:good=make", f"{code}    def close(self): closed.append(self)\n")
    package(own_site, "b_broken", "maskwatch.sinks:shout=make", "def make(settings): raise OSError")
    with pytest.raises(ConfigError):
        plugins.open_sinks(SETTINGS)
    assert len(sys.modules["a_good_sink"].closed) == 1


RAISING = """
taken = []
class make:
    def __init__(self, settings): pass
    def put(self, scene):
        taken.append(scene)
        raise ValueError("no such lamp")
"""


def test_a_sink_that_raises_is_dropped_and_logged_once(own_site, caplog):
    package(own_site, "raising_sink", "maskwatch.sinks:shout=make", RAISING)
    (sink,) = plugins.open_sinks(SETTINGS)
    for _ in range(3):
        sink.put(fakes.scene())
    assert len(sys.modules["raising_sink"].taken) == 1
    assert sink.problem == (
        "dropped: package raising_sink 1.0: entry point maskwatch.sinks:shout = raising_sink:make: "
        "ValueError: no such lamp"
    )
    assert [record.message for record in caplog.records] == ["sink dropped"]
    sink.close()
    assert len(caplog.records) == 1


def test_a_sink_that_cannot_be_closed_is_logged(own_site, caplog):
    code = "class make:\n    def __init__(self, settings): pass\n    def put(self, scene): pass\n"
    package(
        own_site, "stuck_sink", "maskwatch.sinks:shout=make", f"{code}    def close(self): raise OSError('still on')\n"
    )
    (sink,) = plugins.open_sinks(SETTINGS)
    sink.close()
    assert [record.message for record in caplog.records] == ["sink not closed"]


def test_a_run_goes_on_without_a_sink_that_raises(tmp_path, demo_video):
    package(tmp_path, "raising", "maskwatch.sinks:shout=make", RAISING)
    done = run(demo_video, tmp_path)
    assert done.returncode == 0
    assert done.stderr.count("sink dropped") == 1


def test_a_sink_that_was_dropped_is_a_problem_on_its_topic(tmp_path, mosquitto):
    package(tmp_path, "raising", "maskwatch.sinks:shout=make", RAISING)
    listener = Ear(mosquitto.port)
    service = Watch("--source", "demo", *on(mosquitto), PYTHONPATH=path_with(tmp_path))
    assert eventually(lambda: any(listener.of("problem/plugin")))
    (text,) = [json.loads(payload)["text"] for payload in listener.of("problem/plugin") if payload]
    assert text.startswith("dropped: package raising 1.0: entry point maskwatch.sinks:shout")
    assert service.end()[0] == 0
    listener.close()


def test_no_sink_is_opened_while_only_shares_of_many_people_are_published(tmp_path, demo_video):
    package(tmp_path, "raising", "maskwatch.sinks:shout=make", RAISING)
    done = run(demo_video, tmp_path, "--set", "privacy.aggregate=true")
    assert done.returncode == 0
    assert "sink dropped" not in done.stderr


def test_two_packages_with_one_decoder_are_both_named(own_site):
    for name in ("first", "second"):
        package(own_site, name, "maskwatch.detectors:twice=make", "make = None")
    with pytest.raises(ConfigError, match=r"packages first 1\.0 and second 1\.0 both have the entry point"):
        plugins.factory(plugins.DETECTORS, "twice")


def test_a_classifier_of_another_package_is_made_with_the_model(own_site):
    code = (
        "class make:\n    def __init__(self, model): self.model = model\n    def classify(self, frame, boxes): pass\n"
    )
    package(own_site, "own_classifier", "maskwatch.classifiers:own=make", code)
    make = plugins.factory(plugins.CLASSIFIERS, "own")
    assert make("the model").model == "the model"


@pytest.mark.parametrize("group", [plugins.DETECTORS, plugins.CLASSIFIERS, plugins.SINKS])
def test_a_name_that_no_package_has_is_none(group):
    assert plugins.factory(group, "nobody has this") is None
