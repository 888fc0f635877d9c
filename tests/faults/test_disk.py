"""Rows 24 to 27: disks that are full, read-only, torn or corrupt. Torn writes are in tests/publish/test_outbox.py."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests import fakes
from tests.fakes import eventually
from tests.faults.station import seconds_until
from tests.faults.test_broker import hearing, publishing, raise_alerts
from tests.publish.test_outbox import Box, message, on_disk


class Card:
    """A file system of its own, small enough to be filled; without root a folder that can be write-protected."""

    def __init__(self, folder: Path, size: str = "256k") -> None:
        self.folder, self._mounted = folder, os.getuid() == 0
        folder.mkdir()
        if self._mounted:
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)

    def fill(self) -> None:
        """Leave not a byte."""
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
    """Raise alerts and have them heard, and `stats` say that they are in memory only."""
    raised = raise_alerts(publisher, range(100, 200))
    record_property("noticed_s", seconds_until(lambda: raised <= hearer.keys(), 10))

    def said() -> str:
        publisher.put(fakes.scene())
        return hearer.bodies("/stats")[-1]["outbox"]["state"] if hearer.bodies("/stats") else ""

    assert eventually(lambda: said().startswith("memory only"), 10)
    assert eventually(lambda: hearer.bodies("/problem/outbox"))


def test_alerts_go_out_though_the_disk_is_full_and_it_is_told(card, mosquitto, record_property):
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


def check_it_is_written_later(box: Box, card: Card, mend) -> None:
    box.add(*[message(number) for number in range(2, 60)])
    assert box.outbox.state.startswith("memory only")
    delivered = len(box.delivered)
    mend()
    assert len(box.after(31)) == delivered
    assert eventually(lambda: box.outbox.state == "disk", 5)
    box.outbox.close()
    assert len(on_disk(card.folder / "o.db")) == delivered


def test_alerts_go_out_though_the_file_system_is_read_only_and_it_is_told(card, mosquitto, record_property):
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
