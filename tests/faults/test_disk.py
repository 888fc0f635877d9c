"""Rows 24 to 27: disks that are full, read-only, torn, corrupt or that hang. For torn writes see test_outbox.py."""

from __future__ import annotations

import json
import os
import random
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import pytest

from edge.publish.store import AlertStore
from tests.support import fakes
from tests.support.driver import publishing, raise_alerts
from tests.support.fakes import eventually
from tests.support.listeners import hearing
from tests.support.mosquitto import Mosquitto
from tests.support.needs import need
from tests.support.outbox import Box, message, on_disk
from tests.support.service import Ear, Watch, on
from tests.support.station import seconds_until


class Card:
    """A file system of its own, small enough to be filled; without root a folder that can be write-protected."""

    def __init__(self, folder: Path, size: str = "256k") -> None:
        self.folder, self._mounted = folder, os.getuid() == 0
        folder.mkdir()
        if self._mounted:
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)

    def fill(self) -> None:
        """Use every byte."""
        if not self._mounted:
            pytest.skip("only root may mount a small disk; the same without one is in test_outbox.py (RLIMIT_FSIZE)")
        with (self.folder / "filler").open("ab", buffering=0) as file:
            for size in (4096, 1):
                with suppress(OSError):
                    while True:
                        file.write(b"x" * size)

    def empty(self) -> None:
        (self.folder / "filler").unlink()

    def protect(self, *, on: bool) -> None:
        """Make it read-only, or writable again."""
        if self._mounted:
            subprocess.run(["mount", "-o", f"remount,{'ro' if on else 'rw'}", str(self.folder)], check=True)
        else:
            self.folder.chmod(0o555 if on else 0o755)

    def take_out(self) -> None:
        if self._mounted:
            subprocess.run(["umount", "-l", str(self.folder)], check=True)
        else:
            self.folder.chmod(0o755)


@pytest.fixture
def card(tmp_path: Path) -> Iterator[Card]:
    made = Card(tmp_path / "card")
    yield made
    made.take_out()


def check_alerts_go_out(publisher, hearer, record_property) -> None:
    """Raise alerts and check that they arrive and that `stats` reports them as in memory only."""
    raised = raise_alerts(publisher, range(100, 200))
    record_property("noticed_s", seconds_until(lambda: raised <= hearer.keys(), 10))

    def state() -> str:
        publisher.put(fakes.scene())
        return hearer.bodies("/stats")[-1]["outbox"]["state"] if hearer.bodies("/stats") else ""

    assert eventually(lambda: state().startswith("memory only"), 10)
    assert eventually(lambda: hearer.bodies("/problem/outbox"))


def test_alerts_go_out_though_the_disk_is_full_and_it_is_reported(card, mosquitto, record_property):
    with publishing(mosquitto.port, path=card.folder / "o.db") as publisher, hearing(mosquitto) as hearer:
        before = raise_alerts(publisher, range(5))
        assert eventually(lambda: before <= hearer.keys())
        card.fill()
        check_alerts_go_out(publisher, hearer, record_property)


def test_what_a_full_disk_did_not_take_is_written_when_there_is_room(card):
    box = Box(card.folder / "o.db", limit=1000)
    box.add(message(1))
    card.fill()
    check_it_is_written_later(box, card, card.empty)


def check_it_is_written_later(box: Box, card: Card, fix) -> None:
    box.add(*[message(number) for number in range(2, 60)])
    assert box.outbox.state.startswith("memory only")
    delivered = len(box.delivered)
    fix()
    assert len(box.after(31)) == delivered
    assert eventually(lambda: box.outbox.state == "disk", 5)
    box.outbox.close()
    assert len(on_disk(card.folder / "o.db")) == delivered


def test_alerts_go_out_though_the_file_system_is_read_only_and_it_is_reported(card, mosquitto, record_property):
    card.protect(on=True)
    with publishing(mosquitto.port, path=card.folder / "o.db") as publisher, hearing(mosquitto) as hearer:
        check_alerts_go_out(publisher, hearer, record_property)


def test_what_a_read_only_file_system_did_not_take_is_written_when_it_is_writable(card):
    card.protect(on=True)
    check_it_is_written_later(Box(card.folder / "o.db", limit=1000), card, lambda: card.protect(on=False))


def test_a_start_on_a_read_only_file_system_works_from_memory(card):
    card.protect(on=True)
    box = Box(card.folder / "never" / "o.db")
    box.add(message(1))
    assert box.delivered == ["e1:0"]
    assert box.outbox.state.startswith("memory only")
    box.outbox.close()


@pytest.mark.parametrize("seed", range(12))
def test_random_bytes_in_a_used_outbox_are_survived_and_what_is_sound_or_new_is_kept(tmp_path, seed):
    """Bytes of a file in use are overwritten, as a worn-out card does it."""
    dice, path = random.Random(seed), tmp_path / "o.db"
    box = Box(path, limit=1000)
    box.add(*[message(number) for number in range(40)])
    box.outbox.close()
    content = bytearray(path.read_bytes())
    for _ in range(dice.choice((1, 20, 400))):
        content[dice.randrange(len(content))] = dice.randrange(256)
    path.write_bytes(content)
    again = Box(path, limit=1000)
    again.add(message(500, "end"))
    assert "e500:0" in again.delivered
    assert again.outbox.state.startswith("disk")
    again.outbox.close()
    assert "e500:0" in on_disk(path)


HANGING = """
#include <stdlib.h>
#include <unistd.h>
static int hang(void) {
    for (int tenths = 0; tenths < 700 && access(getenv("HANG"), F_OK) == 0; tenths++) usleep(100000);
    return 0;
}
int fdatasync(int fd) { (void)fd; return hang(); }
int fsync(int fd) { (void)fd; return hang(); }
"""


@pytest.fixture
def hanging(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which every flush to disk takes 70 s while the file $HANG is there."""
    source, library = tmp_path / "hang.c", tmp_path / "hang.so"
    source.write_text(HANGING)
    subprocess.run([need("gcc"), "-shared", "-fPIC", "-o", library, source], check=True)
    return {"LD_PRELOAD": str(library), "HANG": str(tmp_path / "hang")}


@contextmanager
def watching(folder: Path, broker: Mosquitto, **more: str) -> Iterator[tuple[Watch, Ear]]:
    """Run the real program on the demo, with an alert twice a second while somebody wears no mask."""
    at_once = ("--set", "alert.dwell_s=0", "--set", "alert.update_s=0.5", "--set", f"show.socket={folder}/s.sock")
    watch = Watch("--source", "demo", *on(broker), "--set", f"mqtt.outbox={folder}/o.db", *at_once, **more)
    ear = Ear(broker.port)
    yield watch, ear
    ear.close()
    watch.process.kill()
    watch.process.wait()


def outbox_of(ear: Ear) -> dict:
    stats = ear.of("stats")
    return json.loads(stats[-1])["outbox"] if stats else {"state": ""}


def delays_s(alerts: list[dict]) -> list[float]:
    """Return the time from decision to sending of each alert, s."""
    moments = [[datetime.fromisoformat(alert[name]) for name in ("t_decided", "t_published")] for alert in alerts]
    return [(published - decided).total_seconds() for decided, published in moments]


def test_alerts_go_out_though_the_disk_hangs_and_it_is_named_and_sigterm_ends_it(
    tmp_path, mosquitto, hanging, record_property
):
    with watching(tmp_path, mosquitto, **hanging) as (watch, ear):
        assert eventually(lambda: ear.alerts() and outbox_of(ear)["state"] == "disk", 60)
        Path(hanging["HANG"]).touch()
        assert eventually(lambda: outbox_of(ear)["state"].startswith("memory only: the disk has not responded"), 40)
        before = len(ear.alerts())
        assert eventually(lambda: len(ear.alerts()) >= before + 5, 60)
        record_property("longest_delay_s", max(delays_s(ear.alerts())))
        assert max(delays_s(ear.alerts())) < 10, "two seconds, and what a busy machine adds"
        assert json.loads(ear.of("problem/outbox")[-1])["text"].startswith("memory only")
        began_at = time.monotonic()
        code, _, err = watch.end(timeout_s=30)
        record_property("sigterm_s", time.monotonic() - began_at)
        assert code == 0, err
        assert time.monotonic() - began_at < 5 + 5, "5 s, and what a busy machine adds"


def test_a_disk_that_answers_again_is_believed_again_and_gets_what_memory_kept(tmp_path, mosquitto, hanging):
    with watching(tmp_path, mosquitto, **hanging) as (watch, ear):
        assert eventually(lambda: ear.alerts() and outbox_of(ear)["state"] == "disk", 60)
        Path(hanging["HANG"]).touch()
        assert eventually(lambda: outbox_of(ear)["state"].startswith("memory only"), 40)
        assert eventually(lambda: ear.of("problem/outbox")[-1:] not in ([], [b""]), 20)
        Path(hanging["HANG"]).unlink()
        assert eventually(lambda: outbox_of(ear)["state"] == "disk", 40)
        assert eventually(lambda: ear.of("problem/outbox")[-1] == b"", 20)
        assert watch.end(timeout_s=30)[0] == 0
    committed = set(on_disk(tmp_path / "o.db"))
    assert {f"{alert['event_id']}:{alert['seq']}" for alert in ear.alerts()} <= committed


def hung(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Let nothing be written before the event that is returned; 50 ms count as late."""
    release, write = threading.Event(), AlertStore._write
    monkeypatch.setattr("edge.publish.buffered_store.COMMIT_S", 0.05)
    monkeypatch.setattr(AlertStore, "_write", lambda journal, changes: release.wait(30) and write(journal, changes))
    return release


def test_what_waits_behind_a_disk_that_hangs_is_counted_and_sent_to_a_new_connection(tmp_path, monkeypatch):
    box = Box(tmp_path / "o.db")
    box.add(message(1, "end"))
    release = hung(monkeypatch)
    box.add(message(2, "end"), message(3, "end"))
    assert box.outbox.state.startswith("memory only: the disk has not responded")
    assert box.outbox.waiting == 3
    assert box.outbox.waits("e3:0")
    assert box.delivered == ["e1:0", "e2:0", "e3:0"]
    assert [alert.key for alert in box.outbox.unsettled()] == ["e1:0", "e2:0", "e3:0"]
    box.acknowledge("e2:0")
    assert box.outbox.waiting == 2
    monkeypatch.setattr("edge.publish.buffered_store.COMMIT_S", 2.0)
    release.set()
    assert eventually(lambda: box.after(10) and box.outbox.state == "disk")
    box.outbox.close()
    assert on_disk(tmp_path / "o.db") == ["e1:0", "e2:0", "e3:0"]


def test_what_is_only_on_a_disk_that_hangs_is_sent_when_it_answers(tmp_path, monkeypatch):
    monkeypatch.setattr("edge.publish.buffered_store._IN_MEMORY", 2)
    box = Box(tmp_path / "o.db")
    box.add(*(message(number, "end") for number in range(6)))
    release = hung(monkeypatch)
    box.add(message(6, "end"))
    box.delivered.clear()
    assert [alert.key for alert in box.outbox.unsettled()] == ["e4:0", "e5:0", "e6:0"]
    monkeypatch.setattr("edge.publish.buffered_store.COMMIT_S", 2.0)
    release.set()
    assert eventually(lambda: box.after(10) and len(box.delivered) == 4)
    assert box.delivered == ["e0:0", "e1:0", "e2:0", "e3:0"]
    box.outbox.close()
