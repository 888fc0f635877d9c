"""Metrics of a run: handed out while it runs, kept through a reload, and gone with it."""

from __future__ import annotations

import re
import signal
import urllib.request

import pytest

from edge.settings.load import load
from tests.support.fakes import eventually
from tests.support.listeners import Receiver
from tests.support.mosquitto import Mosquitto
from tests.support.ports import free_port
from tests.support.program import maskwatch
from tests.support.service import Watch, on

pytest.importorskip("prometheus_client", reason="installed by make test")


def value(port: int, name: str) -> float:
    """Return a sample of the page, 0 while there is none."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            found = re.search(rf"^{re.escape(name)} (\S+)$", answer.read().decode(), re.MULTILINE)
    except OSError:
        return 0.0
    return float(found[1]) if found else 0.0


def test_a_run_hands_out_its_metrics_and_keeps_the_counts_through_a_reload(mosquitto: Mosquitto, tmp_path):
    port, file, receiver = free_port(), tmp_path / "maskwatch.prom", Receiver(mosquitto.port)
    assert receiver.subscribed.wait(20)  # without a subscriber the broker acknowledges nothing as delivered
    given = ("--set", f"metrics.port={port}", "--set", f"metrics.textfile={file}")
    watch = Watch("--source", "demo", *on(mosquitto), *given)
    assert eventually(lambda: value(port, 'maskwatch_alerts_total{type="start"}'), 60)
    assert value(port, 'maskwatch_stage_duration_seconds_count{stage="detect"}') > 0
    assert value(port, "maskwatch_broker_connected") == 1
    assert value(port, 'maskwatch_alert_stage_duration_seconds_count{stage="dwell"}') > 0
    assert eventually(lambda: value(port, 'maskwatch_alert_stage_duration_seconds_count{stage="publish"}') > 0)
    assert "maskwatch_frames_total" in file.read_text()
    frames = value(port, "maskwatch_frames_total")
    watch.process.send_signal(signal.SIGHUP)
    assert eventually(lambda: value(port, "maskwatch_frames_total") > frames + 30)
    code, _, err = watch.end()
    receiver.close()
    assert (code, "Traceback" in err, file.exists()) == (0, False, False)


def test_a_port_that_is_taken_ends_the_run_with_a_sentence(mosquitto: Mosquitto):
    done = maskwatch("run", "--source", "demo", *on(mosquitto), "--set", f"metrics.port={mosquitto.port}")
    assert done.returncode == 78
    assert f"metrics.port: {mosquitto.port}: Address already in use; fix: another port, or 0" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_textfile_that_node_exporter_would_not_read_is_refused():
    done = maskwatch("check", "--set", "metrics.textfile=/tmp/metrics.txt")
    assert done.returncode == 78
    assert "metrics.textfile" in done.stderr
    assert "a name that ends in .prom" in done.stderr


def test_metrics_are_off_unless_asked_for(tmp_path):
    metrics = load(system_file=tmp_path / "absent").settings.metrics
    assert (metrics.port, metrics.textfile) == (0, "")
