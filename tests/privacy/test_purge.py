"""What is kept is listed before it is deleted, and nothing else goes."""

from __future__ import annotations

import os

import pytest

from edge.errors import Unavailable
from edge.privacy.purge import purge, stored_files
from tests.support.fakes import eventually
from tests.support.program import maskwatch
from tests.support.service import Watch


@pytest.fixture
def homes(tmp_path):
    names = ("HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "STATE_DIRECTORY")
    return {name: str(tmp_path) for name in names}


def fill(folder):
    for name in ("outbox-main.db", "outbox-main.db-wal", "outbox-main.db.damaged-1", "mine.txt", "web-token"):
        (folder / name).write_text("x")


def test_all_that_is_ours_is_found_and_nothing_else(tmp_path):
    fill(tmp_path)
    found = {file.path.name for file in stored_files([tmp_path])}
    assert found == {"outbox-main.db", "outbox-main.db-wal", "outbox-main.db.damaged-1"}


def test_an_outbox_elsewhere_is_found_with_what_lies_beside_it(tmp_path):
    for name in ("alerts.db", "alerts.db-wal", "other.db"):
        (tmp_path / name).write_text("x")
    assert {file.path.name for file in stored_files([], [tmp_path / "alerts.db"])} == {"alerts.db", "alerts.db-wal"}


def test_a_link_is_deleted_and_its_target_stays(tmp_path):
    target = tmp_path / "precious"
    target.write_text("x")
    state = tmp_path / "state"
    state.mkdir()
    (state / "outbox-main.db").symlink_to(target)
    purge(stored_files([state]))
    assert target.exists()
    assert not (state / "outbox-main.db").is_symlink()


@pytest.mark.skipif(os.getuid() == 0, reason="root may read every folder")
def test_a_folder_that_may_not_be_read_is_named(tmp_path):
    tmp_path.chmod(0)
    with pytest.raises(Unavailable, match="you may not read"):
        stored_files([tmp_path])


def test_the_command_asks_first_and_deletes_after_a_yes(tmp_path, homes):
    fill(tmp_path)
    asked = maskwatch("purge", input_text="n\n", **homes)
    assert "outbox-main.db" in asked.stdout
    assert (tmp_path / "outbox-main.db").exists()
    done = maskwatch("purge", "--yes", **homes)
    assert done.returncode == 0, done.stderr
    assert "deleted 3 files" in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["mine.txt", "web-token"]
    assert "nothing is stored" in maskwatch("purge", **homes).stdout


def test_nothing_is_deleted_under_a_running_watch(tmp_path, homes):
    watch = Watch("--source", "demo", "--set", "mqtt.host=127.0.0.1", "--set", "mqtt.port=1", **homes)
    assert eventually((tmp_path / "scene.sock").exists, 30)
    fill(tmp_path)
    refused = maskwatch("purge", "--yes", **homes)
    assert refused.returncode == 66
    assert "maskwatch is running" in refused.stderr
    assert (tmp_path / "outbox-main.db.damaged-1").exists()
    watch.end()
