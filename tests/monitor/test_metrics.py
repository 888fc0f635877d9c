"""Metrics: what they count, that each is documented, and that Prometheus takes them, the rules and the dashboard."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge.data import Alert, EventType, Mask, NoticeState, StageTimes
from edge.errors import ConfigError
from edge.monitor.host import throttled, written_bytes
from edge.monitor.timings import Timings
from edge.tflite import read_spec
from tests.support import fakes
from tests.support.fakes import eventually
from tests.support.needs import need
from tests.support.ports import free_port
from tests.support.program import ROOT

pytest.importorskip("prometheus_client", reason="installed by make test")
from prometheus_client import disable_created_metrics, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from edge.monitor import figures
from edge.monitor.exporter import MetricsFile, MetricsPage
from edge.monitor.figures import StateMetrics
from edge.monitor.metrics import SceneMetrics

MONITORING = ROOT / "docs/monitoring"
STATS = {
    "camera": "ok",
    "dropped": 4,
    "damaged": 2,
    "reopened": 1,
    "temperature_c": 51.5,
    "rss_bytes": 1000,
    "uptime_s": 60.0,
    "outbox": {"waiting": 0, "dropped": 3, "state": "disk"},
    "broker": {"connections": 2, "last_trouble": "", "ignored": 5},
    "commands": {"taken": 6, "refused": 7},
    "shadow_mask": {"compared": 40, "agreed": 38, "crashes": 1, "every": 3, "cpu_s": 2.5},
    "drift": {"state": "ok", "windows": 5, "distance": 0.4, "accuracy": 0.95},
}
PROBLEMS = {"camera": "", "lens": "", "outbox": "memory", "broker": ""}


class Run:
    """What a run reports, as a test sets it."""

    def __init__(self) -> None:
        self.state, self.told, self.problems_now = "online", dict(STATS), dict(PROBLEMS)
        self.models = {"mask": read_spec(ROOT / "models/mask")}

    def stats(self) -> dict:
        return self.told

    def problems(self) -> dict:
        return self.problems_now


@pytest.fixture
def run() -> Run:
    return Run()


@pytest.fixture
def scenes(run, monkeypatch) -> SceneMetrics:
    """Return the sink, with the state of a run and of a Raspberry Pi in its registry."""
    disable_created_metrics()
    monkeypatch.setattr(figures, "throttled", lambda: {"under_voltage": True, "throttled": False})
    made = SceneMetrics(people=True)
    made.registry.register(StateMetrics(lambda: run))
    return made


def filled(scenes: SceneMetrics) -> SceneMetrics:
    """Return the sink after a scene with everything that is counted, and a gap."""
    rows = fakes.verdicts(Mask.WITHOUT_MASK, Mask.UNSURE)
    track, alerts = fakes.track(), started()
    scene = replace(
        fakes.scene((track,), alerts, alerts), verdicts=rows, faces=fakes.faces((0, 0, 9, 9)), decided_at=0.2
    )
    scenes.put(replace(scene, notice=fakes.notice()))
    scenes.put(replace(fakes.scene(), frame=None, notice=fakes.notice(NoticeState.THANKS)))
    scenes.observe("detect", 0.02)
    return scenes


def started() -> tuple:
    return (Alert("id", EventType.START, 0, Mask.WITHOUT_MASK, fakes.track(), 0.0, 1.0),)


def samples(scenes: SceneMetrics) -> dict[str, float]:
    """Return the samples by name and labels."""
    families = text_string_to_metric_families(generate_latest(scenes.registry).decode())
    return {
        sample.name + "".join(f",{value}" for _, value in sorted(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def test_a_scene_is_counted(scenes):
    found = samples(filled(scenes))
    assert found["maskwatch_frames_total"] == 1
    assert found["maskwatch_gaps_total"] == 1
    assert found["maskwatch_faces_total"] == 1
    assert [found[f"maskwatch_verdicts_total,{mask.value}"] for mask in Mask] == [0, 1, 0, 1]
    assert found["maskwatch_frame_age_seconds_sum"] == pytest.approx(0.2)
    assert found["maskwatch_alerts_total,start"] == 1
    assert found["maskwatch_notices_total,on"] == found["maskwatch_notices_total,thanks"] == 1
    assert found["maskwatch_stage_duration_seconds_sum,detect"] == pytest.approx(0.02)


def test_what_is_in_sight_is_that_of_the_last_scene(scenes):
    scene = fakes.scene((fakes.track(), fakes.track(2, Mask.WITH_MASK)), (), started())
    scenes.put(scene)
    found = samples(scenes)
    assert (found["maskwatch_people_visible,without_mask"], found["maskwatch_people_visible,with_mask"]) == (1, 1)
    assert found["maskwatch_episodes_open"] == 1
    scenes.put(fakes.scene())
    found = samples(scenes)
    assert (found["maskwatch_people_visible,without_mask"], found["maskwatch_episodes_open"]) == (0, 0)


def test_a_notice_that_stays_is_counted_once(scenes):
    for _ in range(3):
        scenes.put(fakes.noticed())
    scenes.put(fakes.scene())
    found = {name: value for name, value in samples(scenes).items() if name.startswith("maskwatch_notices_total")}
    assert found == {"maskwatch_notices_total,on": 1, "maskwatch_notices_total,thanks": 0}


def test_time_without_frames_is_counted_from_the_last_one():
    clock = fakes.FakeClock()
    scenes = SceneMetrics(people=True, monotonic=clock)
    scenes.put(fakes.scene(decided_at=1000.0))
    clock.now = 1042.0
    scenes.put(replace(fakes.scene(decided_at=1042.0), frame=None))
    assert samples(scenes)["maskwatch_last_frame_age_seconds"] == 42


def test_aggregate_mode_has_no_metric_of_people():
    scenes = SceneMetrics(people=False)
    scenes.put(fakes.scene((fakes.track(),), started(), started()))
    names = {re.split(r"[,{]", name)[0] for name in samples(scenes)}
    people = r"faces|verdict|people|episodes|alerts|notices"
    assert {name for name in names if re.search(people, name)} == set()
    assert "maskwatch_frames_total" in names


def test_the_time_of_each_call_of_a_stage_is_counted(scenes):
    timings = Timings()
    stage = timings.timed("track", lambda: None)
    stage()
    timings.observe = scenes.observe
    stage()
    stage()
    assert samples(scenes)["maskwatch_stage_duration_seconds_count,track"] == 2


def test_an_alert_brings_the_time_of_each_stage(scenes):
    times = StageTimes(capture=0.03, queue=0.002, detect=0.02, classify=0.004, vote=0.001, judge=0.0005)
    scenes.put(replace(fakes.scene((fakes.track(),), started(), started()), times=times))
    scenes.observe_delivery(0.05)
    found = samples(scenes)
    sums = {
        stage: found[f"maskwatch_alert_stage_duration_seconds_sum,{stage}"]
        for stage in ("capture", "queue", "detect", "classify", "vote", "dwell", "publish")
    }
    assert sums == pytest.approx(
        {
            "capture": 0.03,
            "queue": 0.002,
            "detect": 0.02,
            "classify": 0.004,
            "vote": 0.0015,
            "dwell": 1,
            "publish": 0.05,
        }
    )


def test_an_alert_without_stages_counts_its_dwell_alone_and_an_end_none(scenes):
    (start,) = started()
    end = replace(start, event_type=EventType.END, seq=1)
    scenes.put(replace(fakes.scene((), (start, end), ()), times=None))
    counts = {name: value for name, value in samples(scenes).items() if "alert_stage_duration_seconds_count" in name}
    assert counts == {"maskwatch_alert_stage_duration_seconds_count,dwell": 1}


def test_the_state_is_that_of_the_statistics_and_problems(scenes, run):
    found = samples(scenes)
    assert found["maskwatch_frames_dropped_total,replaced"] == 4
    assert found["maskwatch_frames_dropped_total,damaged"] == 2
    assert found["maskwatch_temperature_celsius"] == 51.5
    assert found["maskwatch_outbox_dropped_alerts_total"] == 3
    assert found["maskwatch_broker_connections_total"] == 2
    assert found["maskwatch_commands_refused_total"] == 7
    assert found["maskwatch_shadow_compared_total,mask"] == 40
    assert found["maskwatch_shadow_cpu_seconds_total,mask"] == 2.5
    assert (found["maskwatch_camera_state,ok"], found["maskwatch_camera_state,offline"]) == (1, 0)
    assert (found["maskwatch_lens_state,ok"], found["maskwatch_lens_state,dark"]) == (1, 0)
    assert (found["maskwatch_problem,outbox"], found["maskwatch_problem,lens"]) == (1, 0)
    assert found["maskwatch_broker_connected"] == 1
    run.state, run.problems_now = "lost: why", PROBLEMS | {"lens": "dark"}
    run.told = STATS | {"camera": "offline", "temperature_c": None}
    found = samples(scenes)
    assert (found["maskwatch_camera_state,ok"], found["maskwatch_camera_state,offline"]) == (0, 1)
    assert (found["maskwatch_lens_state,ok"], found["maskwatch_lens_state,dark"]) == (0, 1)
    assert found["maskwatch_broker_connected"] == 0
    assert "maskwatch_temperature_celsius" not in found


def test_the_age_of_the_outbox_begins_when_it_is_no_longer_empty(run):
    clock = fakes.FakeClock()
    state = StateMetrics(lambda: run, clock)
    scenes = SceneMetrics(people=True)
    scenes.registry.register(state)
    assert samples(scenes)["maskwatch_outbox_age_seconds"] == 0
    run.told = STATS | {"outbox": {"waiting": 2, "dropped": 0, "state": "disk"}}
    clock.now += 30
    found = samples(scenes)
    assert (found["maskwatch_outbox_age_seconds"], found["maskwatch_outbox_waiting_alerts"]) == (30, 2)
    run.told = STATS
    assert samples(scenes)["maskwatch_outbox_age_seconds"] == 0


@pytest.mark.parametrize(
    ("text", "active"),
    [
        ("0\n", []),
        ("50005", ["under_voltage", "throttled"]),
        ("8", ["soft_temperature_limit"]),
        ("2", ["frequency_capped"]),
    ],
)
def test_the_causes_of_throttling_are_the_lowest_bits(tmp_path, text, active):
    (tmp_path / "get_throttled").write_text(text)
    causes = throttled(tmp_path / "get_throttled")
    assert [cause for cause, is_active in causes.items() if is_active] == active


def test_a_machine_without_these_figures_has_none(tmp_path):
    assert throttled(tmp_path / "absent") is None
    assert written_bytes() is None or written_bytes() >= 0


def test_every_metric_is_documented_with_its_type_and_no_other_is(scenes):
    families = text_string_to_metric_families(generate_latest(filled(scenes).registry).decode())
    made = {(f"{family.name}_total" if family.type == "counter" else family.name, family.type) for family in families}
    rows = re.findall(r"^\| `(maskwatch_\w+)` \| (\w+) \|", (ROOT / "docs/monitoring.md").read_text(), re.MULTILINE)
    assert made == set(rows)
    assert len(made) >= 30


def test_every_alert_is_documented():
    rules = set(re.findall(r"- alert: (\w+)", (MONITORING / "rules.yml").read_text()))
    assert rules == set(re.findall(r"`(Maskwatch\w+)`", (ROOT / "docs/monitoring.md").read_text()))
    tested = set(re.findall(r"alertname: (\w+)", (MONITORING / "rules_test.yml").read_text()))
    assert rules == tested


def promtool(*words: object, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([need("promtool"), *map(str, words)], input=given, capture_output=True, check=False)


def test_prometheus_takes_names_and_units(scenes):
    done = promtool("check", "metrics", given=generate_latest(filled(scenes).registry))
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_prometheus_takes_the_rules():
    done = promtool("check", "rules", MONITORING / "rules.yml")
    assert done.returncode == 0, done.stderr


def test_the_rules_pass_their_tests():
    done = promtool("test", "rules", MONITORING / "rules_test.yml")
    assert done.returncode == 0, done.stderr


@pytest.fixture
def page(scenes) -> Iterator[str]:
    """Serve the metrics; give the address."""
    port = free_port()
    opened = MetricsPage(port, filled(scenes).registry)
    yield f"127.0.0.1:{port}"
    opened.close()


def fetched(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read()


def test_the_page_has_the_metrics(page):
    assert b"maskwatch_frames_total 1.0" in fetched(f"http://{page}/metrics")


def test_a_port_that_is_taken_is_one_sentence(page, scenes):
    port = int(page.partition(":")[2])
    with pytest.raises(ConfigError, match=rf"^metrics\.port: {port}: Address already in use; fix: another port, or 0$"):
        MetricsPage(port, scenes.registry)


def test_a_closed_page_leaves_port_and_thread(scenes):
    port = free_port()
    opened = MetricsPage(port, scenes.registry)
    opened.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)
    assert [thread.name for thread in threading.enumerate() if thread.name == "metrics page"] == []


def test_the_file_is_replaced_and_removed_at_the_end(scenes, tmp_path):
    path = tmp_path / "maskwatch.prom"
    file = MetricsFile(path, scenes.registry, interval_s=0.01)
    assert eventually(path.exists)
    scenes.put(fakes.scene())
    assert eventually(lambda: b"maskwatch_frames_total 1.0" in path.read_bytes())
    assert path.stat().st_mode & 0o777 == 0o644
    file.close()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_is_logged_once_and_tried_again(scenes, tmp_path, caplog):
    path = tmp_path / "absent/maskwatch.prom"
    file = MetricsFile(path, scenes.registry, interval_s=0.01)
    assert eventually(lambda: "metrics.textfile" in caplog.text)
    path.parent.mkdir()
    assert eventually(path.exists)
    file.close()
    assert caplog.text.count("tried again") == 1


def prometheus(folder: Path, page: str) -> tuple[subprocess.Popen, str]:
    """Start Prometheus on a page of metrics and the rules; return it with its address."""
    program, address = need("prometheus"), f"127.0.0.1:{free_port()}"
    scrape = [{"job_name": "maskwatch", "static_configs": [{"targets": [page]}]}]
    config = {"global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, "scrape_configs": scrape}
    (folder / "config.yml").write_text(json.dumps(config | {"rule_files": [str(MONITORING / "rules.yml")]}))
    words = [f"--config.file={folder / 'config.yml'}", f"--storage.tsdb.path={folder / 'data'}"]
    process = subprocess.Popen([program, *words, f"--web.listen-address={address}"], stderr=subprocess.DEVNULL)
    return process, f"http://{address}"


def result(address: str, query: str) -> list:
    """Return what a query gives, nothing while Prometheus starts."""
    try:
        answer = json.loads(fetched(f"{address}/api/v1/query?{urllib.parse.urlencode({'query': query})}"))
    except urllib.error.HTTPError as error:
        if error.code == 503:  # it starts
            return []
        pytest.fail(f"{query}: {error.read().decode()}")
    except OSError:
        return []
    return answer["data"]["result"]


def test_every_panel_of_the_dashboard_shows_something(page, scenes, tmp_path):
    dashboard = json.loads((MONITORING / "dashboard.json").read_text())
    queries = {
        panel["title"]: target["expr"].replace("$__rate_interval", "1m")
        for panel in dashboard["panels"]
        for target in panel["targets"]
    }
    assert len(queries) == len(dashboard["panels"]) >= 15
    process, address = prometheus(tmp_path, page)
    try:
        assert eventually(lambda: result(address, "count_over_time(maskwatch_frames_total[1m]) > 3"))
        filled(scenes)
        assert eventually(lambda: result(address, "rate(maskwatch_verdicts_total[1m]) > 0"))
        empty = {title for title, query in queries.items() if not eventually(lambda q=query: result(address, q), 10)}
        assert empty == set()
        assert result(address, "maskwatch:frames:rate5m")
    finally:
        process.terminate()
        process.wait(20)
