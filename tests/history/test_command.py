"""`maskwatch history`, and where the history is switched off."""

from __future__ import annotations

import csv
import io
import json
from contextlib import closing

import pytest

from edge.app.components import Components
from edge.app.history import build_history, file_to_read, history_file
from edge.history.records import EpisodeRecord, PeopleCount
from edge.history.store import HistoryStore
from edge.settings.schema import HistorySettings, MqttSettings, PrivacySettings, Settings
from tests.support.fakes import eventually
from tests.support.program import maskwatch
from tests.support.service import Ear, Watch, on

NOW = 1_800_000_000.0


@pytest.fixture
def state(tmp_path):
    """Return a state folder with a history of sixty alerts and two hours."""
    rows = [
        EpisodeRecord(f"e{k}", "without_mask", NOW + k, 60.0 + k, "gone", 0.9, clock_synced=True) for k in range(60)
    ]
    counts = [
        PeopleCount(int(NOW) + 3600 * k, label, 1 + k) for k in range(2) for label in ("with_mask", "without_mask")
    ]
    with closing(HistoryStore(tmp_path / "maskwatch/history-main.db", days=365, max_bytes=10**8)) as store:
        store.write(rows, counts, NOW)
    return {"XDG_STATE_HOME": str(tmp_path)}


def test_the_table_has_the_newest_alerts_and_says_that_there_are_more(state):
    done = maskwatch("history", **state)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if "without_mask" in line]
    assert len(lines) == 50
    assert "1 min 59 s" in lines[0]
    assert "only the newest 50 are shown" in " ".join(done.stdout.split())


def test_files_have_all_and_what_was_asked_for(state, tmp_path):
    done = maskwatch("history", "--json", "-", "--at-least", "100s", **state)
    assert [json.loads(line)["event_id"] for line in done.stdout.splitlines()] == [f"e{k}" for k in range(59, 39, -1)]
    assert json.loads(done.stdout.splitlines()[0]) == {
        "event_id": "e59", "camera": "main", "label": "without_mask", "opened": "2027-01-15T08:00:59.000Z",
        "ended": "2027-01-15T08:02:58.000Z", "duration_s": 119.0, "reason": "gone", "confidence": 0.9,
        "clock_synced": True,
    }  # fmt: skip
    written = tmp_path / "alerts.csv"
    assert maskwatch("history", "--csv", written, **state).returncode == 0
    rows = list(csv.DictReader(io.StringIO(written.read_text())))
    assert len(rows) == 60
    assert rows[0]["clock_synced"] == "true"


def test_people_are_listed_by_hour(state):
    done = maskwatch("history", "--people", "--json", "-", **state)
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"hour": "2027-01-15T08:00:00.000Z", "with_mask": 1, "without_mask": 1, "incorrect_mask": 0},
        {"hour": "2027-01-15T09:00:00.000Z", "with_mask": 2, "without_mask": 2, "incorrect_mask": 0},
    ]
    assert "without_mask" in maskwatch("history", "--people", **state).stdout


def test_wrong_times_and_no_history_end_with_one_sentence(state, tmp_path):
    done = maskwatch("history", "--since", "yesterday", **state)
    assert (done.returncode, "since: yesterday: must be a time" in " ".join(done.stderr.split())) == (2, True)
    done = maskwatch("history", "--json", "-", XDG_STATE_HOME=str(tmp_path / "empty"))
    assert (done.returncode, done.stdout) == (66, "")
    assert "there is no history yet; fix: let maskwatch run" in done.stderr


def test_a_run_in_development_leaves_its_alerts_in_the_history(mosquitto, tmp_path):
    state = {"XDG_STATE_HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    watch = Watch("--source", "demo", *on(mosquitto), **state)
    ear = Ear(mosquitto.port)
    assert eventually(ear.alerts, 40)
    watch.end()
    ear.close()
    rows = [json.loads(line) for line in maskwatch("history", "--json", "-", **state).stdout.splitlines()]
    assert rows[0]["reason"] is not None
    deleted = maskwatch("purge", "--yes", **state)
    assert "history-main.db" in deleted.stdout
    assert maskwatch("history", **state).returncode == 66


@pytest.mark.parametrize(
    "settings",
    [
        Settings(history=HistorySettings(enabled=False)),
        Settings(privacy=PrivacySettings(aggregate=True)),
    ],
)
def test_no_history_is_kept_where_it_is_off_and_in_aggregate_mode(settings):
    with Components() as keep:
        assert keep.compose(lambda: build_history(settings, keep)) == ()


def test_the_history_lies_next_to_the_outbox_and_apart_by_root(tmp_path):
    outbox = str(tmp_path / "outbox.db")
    assert history_file(Settings(mqtt=MqttSettings(outbox=outbox))) == tmp_path / "history-main.db"
    staging = Settings(mqtt=MqttSettings(outbox=outbox, topic_root="maskwatch/1-staging"))
    assert history_file(staging) == tmp_path / "staging/history-main.db"


def test_the_service_s_history_is_shown_where_this_user_has_none(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "own"))
    monkeypatch.setattr("edge.app.history.SERVICE_STATE", tmp_path / "service")
    own, service = tmp_path / "own/maskwatch/history-main.db", tmp_path / "service/history-main.db"
    assert file_to_read(Settings()) == own
    service.parent.mkdir()
    service.touch()
    assert file_to_read(Settings()) == service
    own.parent.mkdir(parents=True)
    own.touch()
    assert file_to_read(Settings()) == own
