"""The outbox's file: any bit of it may change, and any program may have written it."""

from __future__ import annotations

import random
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge.privacy.purge import stored_files
from edge.publish.message import AlertMessage
from edge.publish.store import AlertStore, Changes, packed
from tests.support.outbox import Box, message, on_disk, write

V1 = """
CREATE TABLE alert (
    place INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL, topic TEXT NOT NULL, body TEXT NOT NULL,
    boot TEXT NOT NULL, expires_at REAL NOT NULL, acknowledged INTEGER NOT NULL DEFAULT 0)
"""


def episode(number: int) -> list[AlertMessage]:
    return [message(number), message(number, "end", 1)]


def used_files(folder: Path) -> list[dict[str, bytes]]:
    """Return a file of 12 episodes as a power cut leaves it, with its write-ahead log, and as an orderly end does."""
    journal = AlertStore(folder / "o.db")
    for number in range(12):
        write(journal, *episode(number), acknowledged={f"e{number}:0"} if number % 3 == 0 else set())
    cut = {path.name: path.read_bytes() for path in folder.iterdir()}
    journal.close()
    return [cut, {path.name: path.read_bytes() for path in folder.iterdir()}]


def flipped(files: dict[str, bytes], dice: random.Random) -> dict[str, bytes]:
    """Return files with one bit changed, in every fourth case one of a header."""
    name = dice.choice(sorted(files))
    content = bytearray(files[name])
    place = dice.randrange(100) if dice.random() < 0.25 else dice.randrange(len(content))
    content[place] ^= 1 << dice.randrange(8)
    return {**files, name: bytes(content)}


def check_flips(folder: Path, count: int, seed: int) -> int:
    """Start on `count` files with one changed bit each; return how many alerts the damage took.

    Each time a new alert goes out and is on disk, what is sent of the old ones is what was written, and a second start
    finds nothing wrong any more.
    """
    source, target, dice, lost = folder / "source", folder / "target", random.Random(seed), 0
    source.mkdir()
    states = used_files(source)
    written = {packed(alert) for number in range(12) for alert in episode(number)}
    for number in range(count):
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        for name, content in flipped(dice.choice(states), dice).items():
            (target / name).write_bytes(content)
        box = Box(target / "o.db")
        box.add(message(99, "end"))
        box.outbox.check()
        assert (box.delivered[-1], box.outbox.state.partition(",")[0]) == ("e99:0", "disk"), number
        sent = {packed(alert) for alert in box.outbox.unsettled() if alert.body.get("reason") != "restart"}
        assert sent <= {*written, packed(message(99, "end"))}, number
        lost += len(written) - len(sent & written)
        box.outbox.close()
        assert "e99:0" in on_disk(target / "o.db"), number
        again = Box(target / "o.db")
        assert again.outbox.state == "disk", f"{number}: it is named once"
        again.outbox.close()
    return lost


@pytest.fixture(autouse=True)
def _ends_are_marked(monkeypatch) -> None:
    """Mark the ends that a start adds: they carry the key of an end that the damage took."""
    ended = Box._ended
    monkeypatch.setattr(
        Box,
        "_ended",
        lambda box, alert: (end := ended(box, alert)) and replace(end, body={**end.body, "reason": "restart"}),
    )


@pytest.fixture
def in_memory(tmp_path) -> Iterator[Path]:
    """Return a folder that no commit has to wait for, where the system has one."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else tmp_path))
    yield folder
    shutil.rmtree(folder)


def test_no_changed_bit_stops_an_alert_or_changes_one_or_is_named_twice(in_memory):
    lost = check_flips(in_memory, 500, 5)
    assert lost < 0.3 * 500 * 24, "most alerts outlive one bit; in the write-ahead log all after it are lost"


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_none_of_20_000_changed_bits_stops_an_alert_or_changes_one_or_is_named_twice(in_memory):
    check_flips(in_memory, 20_000, 20)


def foreign(path: Path, kind: str) -> None:
    with sqlite3.connect(path) as database:
        if kind == "newer":
            database.executescript(f"{V1}; PRAGMA user_version = 7")
        elif kind == "other columns":
            database.executescript("CREATE TABLE alert (id INTEGER PRIMARY KEY, text TEXT); PRAGMA user_version = 2")
        elif kind == "another type":
            database.executescript(f"{V1.replace('REAL', 'TEXT')}; PRAGMA user_version = 1")
        elif kind == "another program's":
            database.executescript("CREATE TABLE birds (name TEXT); INSERT INTO birds VALUES ('wren')")
    database.close()


@pytest.mark.parametrize("kind", ["newer", "other columns", "another type", "another program's"])
def test_a_file_of_a_foreign_schema_is_set_aside_once_and_kept(tmp_path, kind):
    path = tmp_path / "outbox-main.db"
    foreign(path, kind)
    box = Box(path)
    box.add(message(1, "end"))
    assert box.outbox.state == "disk, a damaged file was set aside"
    box.outbox.close()
    again = Box(path)
    assert (again.outbox.state, on_disk_keys(again)) == ("disk", ["e1:0"])
    again.outbox.close()
    aside = tmp_path / "outbox-main.db.damaged"
    with sqlite3.connect(aside) as database:
        assert database.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] >= 1
    assert aside in {file.path for file in stored_files([tmp_path])}, "purge finds it"


def on_disk_keys(box: Box) -> list[str]:
    return [alert.key for alert in box.outbox.unsettled()]


@pytest.mark.parametrize("place", [18, 19])
def test_a_header_that_allows_reading_only_is_damage_and_no_state_for_ever(tmp_path, place):
    path = tmp_path / "o.db"
    journal = AlertStore(path)
    write(journal, message(1, "end"))
    journal.close()
    content = bytearray(path.read_bytes())
    content[place] |= 8
    path.write_bytes(content)
    box = Box(path)
    assert box.outbox.state == "disk, a damaged file was set aside"
    box.outbox.close()


def test_a_file_of_the_first_version_is_brought_up_and_loses_nothing(tmp_path):
    path = tmp_path / "o.db"
    with sqlite3.connect(path) as database:
        database.executescript(f"{V1}; PRAGMA user_version = 1")
        for row in (packed(alert) for alert in (*episode(1), message(2, "end"))):
            values = (row.key, row.topic, row.body, row.boot, row.expires_at, row.key == "e1:0")
            database.execute(
                "INSERT INTO alert (key, topic, body, boot, expires_at, acknowledged) VALUES (?, ?, ?, ?, ?, ?)", values
            )
        database.execute("UPDATE alert SET body = replace(body, '0', 'NaN') WHERE key = 'e2:0'")
    database.close()
    box = Box(path)
    assert (box.outbox.waiting, on_disk_keys(box)) == (1, ["e1:0", "e1:1"])
    assert box.outbox.state == "disk, 1 damaged alert was set aside"
    assert "e2:0" in (tmp_path / "o.db.damaged-alerts").read_text()
    box.outbox.close()


@pytest.mark.parametrize(
    "change",
    [
        "body = x'ff00'",
        "body = replace(body, 'e1', 'e7')",
        "body = replace(body, 'xx', 'xy')",
        "topic = 'another'",
        "expires_at = 1e300",
        "boot = x'80'",
        "key = CAST(x'ff' AS TEXT)",
        "crc = NULL",
    ],
)
def test_a_changed_row_is_set_aside_alone_named_and_gone(tmp_path, change, caplog):
    path = tmp_path / "o.db"
    journal = AlertStore(path)
    write(journal, message(1, "end"), message(2, "end"))
    journal._database.execute(f"UPDATE alert SET {change} WHERE key = 'e1:0'")
    journal.close()
    box = Box(path)
    assert on_disk_keys(box) == ["e2:0"]
    assert box.outbox.state == "disk, 1 damaged alert was set aside"
    assert caplog.text.count("set aside") == 1
    box.outbox.close()
    aside = tmp_path / "o.db.damaged-alerts"
    assert aside.read_text().count("\n") == 1
    assert aside.stat().st_mode & 0o777 == 0o600
    assert on_disk(path) == ["e2:0"]


def test_a_file_that_is_damaged_while_it_is_open_is_set_aside_and_its_sound_alerts_go_on(tmp_path, monkeypatch):
    path = tmp_path / "o.db"
    box = Box(path)
    box.add(*(message(number, "end") for number in range(3)))
    real = AlertStore._write

    def fail_once(journal, changes):
        monkeypatch.setattr(AlertStore, "_write", real)
        raise sqlite3.DatabaseError("database disk image is malformed")

    monkeypatch.setattr(AlertStore, "_write", fail_once)
    box.add(message(3, "end"))
    box.add(message(4, "end"))
    assert box.outbox.state == "disk, a damaged file was set aside"
    assert box.delivered == [f"e{number}:0" for number in range(5)]
    box.outbox.close()
    assert on_disk(path) == [f"e{number}:0" for number in range(5)]


def test_only_the_owner_may_read_the_file(tmp_path):
    path = tmp_path / "o.db"
    journal = AlertStore(path)
    write(journal, message(1))
    assert {entry.stat().st_mode & 0o777 for entry in tmp_path.iterdir()} == {0o600}
    journal.close()


@pytest.fixture
def delivered(tmp_path) -> Iterator[Box]:
    box = Box(tmp_path / "o.db")
    box.add(*(message(number, "end") for number in range(20)))
    box.acknowledge(*(f"e{number}:0" for number in range(20)))
    yield box
    box.outbox.close()


def test_nothing_of_a_delivered_alert_is_left_in_file_or_log_once_it_is_forgotten(delivered, tmp_path):
    def found() -> bool:
        return any(b"xxxxxxxx" in path.read_bytes() for path in tmp_path.iterdir())

    delivered.after(6)
    assert found()
    assert delivered.after(601) == []
    delivered.add(
        message(50, "end")
    )  # something else is written; what is forgotten is written with it or a minute later
    delivered.acknowledge("e50:0")
    delivered.after(601)
    delivered.after(61)
    assert not found()
    assert (tmp_path / "o.db-wal").stat().st_size == 0


def test_a_write_without_changes_still_finds_out_whether_the_disk_responds(tmp_path):
    store = AlertStore(tmp_path / "o.db")
    log = tmp_path / "o.db-wal"
    before = log.stat().st_size
    store.write(Changes())
    assert log.stat().st_size > before, "something was written"
    store.close()


def test_a_write_with_changes_writes_nothing_else(tmp_path):
    """Each page that is written wears out the card."""
    stores = [AlertStore(tmp_path / name) for name in ("a.db", "b.db")]
    for store in stores:
        write(store, message(1))
    stores[0].write(Changes(acknowledged={"e1:0"}))
    stores[1].write(Changes())
    acknowledged, probed = ((tmp_path / f"{name}.db-wal").stat().st_size for name in "ab")
    assert acknowledged == probed, "one page each"
    for store in stores:
        store.close()


@pytest.mark.parametrize("seq", [-1, True, 1.0, "1", None])
def test_an_alert_without_a_number_in_its_episode_is_not_one(seq):
    good = message(1)
    with pytest.raises(ValueError, match="is not the alert of its key"):
        packed(replace(good, key=f"e1:{seq}", body={**good.body, "seq": seq}))
