"""SIGKILL for program and broker at random instants: nothing that reached the outbox may be lost.

    python -m tests.faults.kills --rounds 1000 --seed 1

Most rounds kill the driver (the real publisher, outbox and link with made-up scenes, forked ready to run, so that a
round takes a second); one in `--full-every` kills the whole `maskwatch run --source demo`. In half of the rounds the
broker is killed too. What was raised is read from the outbox's file after each kill. The receiver is a QoS 1 client
with a persistent session that dedupes as `maskwatch watch` does.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from tests.support import driver
from tests.support.fakes import eventually
from tests.support.listeners import Receiver
from tests.support.mosquitto import PERSISTENT, Mosquitto
from tests.support.program import command, environment


class Killer:
    """Starts and kills program and broker, and knows from the outbox's file what was raised."""

    def __init__(self, folder: Path, seed: int, *, full_every: int, pause_s: float) -> None:
        self.raised: set[str] = set()
        self.broker_kills = self.full_kills = 0
        self._folder, self._outbox = folder, folder / "outbox.db"
        self._dice, self._full_every, self._pause_s = random.Random(seed), full_every, pause_s
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["tests.support.driver"])
        self.broker = Mosquitto(folder, *PERSISTENT, f"persistence_location {folder}/")
        self.broker.start()

    def round(self, number: int) -> None:
        """Let the program be up for a moment, kill it, and the broker in every second round before or after it."""
        full = number % self._full_every == self._full_every - 1
        up_s = self._dice.uniform(0.1, 12.0) if full else min(2.0, 0.1 + self._dice.expovariate(2.5))
        broker_s = self._dice.uniform(0, up_s + 0.1) if self._dice.random() < 0.5 else None
        kill = self._start_full() if full else self._start_driver(self._pause_s)
        self.full_kills += full
        deeds = [(up_s, kill)] + ([(broker_s, self._kill_broker)] if broker_s is not None else [])
        self._at_their_times(deeds)
        self.raised |= committed(self._outbox, self._folder / "copy")

    def deliver(self, receiver: Receiver, timeout_s: float) -> None:
        """Run the program undisturbed, without new alerts, until all has arrived or the time is over."""
        assert eventually(lambda: receiver.connected, 20)
        kill = self._start_driver(0.0)
        eventually(lambda: self.raised <= set(receiver.kept), timeout_s, 0.2)
        kill()
        self.raised |= committed(self._outbox, self._folder / "copy")
        eventually(lambda: self.raised <= set(receiver.kept), 2.0)

    def _at_their_times(self, deeds: list[tuple[float, Callable[[], None]]]) -> None:
        began_at = time.monotonic()
        for after_s, deed in sorted(deeds, key=lambda pair: pair[0]):
            time.sleep(max(0.0, began_at + after_s - time.monotonic()))
            deed()

    def _start_driver(self, pause_s: float) -> Callable[[], None]:
        process = self._context.Process(target=driver.drive, args=(self.broker.port, self._outbox, pause_s))
        process.start()

        def kill() -> None:
            process.kill()
            process.join()
            process.close()

        return kill

    def _start_full(self) -> Callable[[], None]:
        settings = {
            "mqtt.host": "127.0.0.1",
            "mqtt.port": self.broker.port,
            "mqtt.outbox": self._outbox,
            "mqtt.queue": driver.LIMIT,
            "mqtt.retry_min_s": 0.05,
            "mqtt.retry_max_s": 0.2,
            "alert.dwell_s": 0,
            "alert.update_s": 0.5,
            "device.name": driver.DEVICE,
            "show.socket": self._folder / "scene.sock",
        }
        pairs = [text for key, value in settings.items() for text in ("--set", f"{key}={value}")]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": environment()}
        process = subprocess.Popen(command("run", "--source", "demo", *pairs), **quiet)

        def kill() -> None:
            process.kill()
            process.wait()

        return kill

    def _kill_broker(self) -> None:
        self.broker.signal(signal.SIGKILL)
        self.broker.stop()
        time.sleep(self._dice.uniform(0, 0.2))
        self.broker.start()
        self.broker_kills += 1


def committed(path: Path, copy: Path) -> set[str]:
    """Return the keys in the outbox's file and its write-ahead log, read from a copy so that nothing is repaired."""
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    if not path.exists():
        return set()
    for suffix in ("", "-wal"):
        with contextlib.suppress(FileNotFoundError):
            shutil.copy(f"{path}{suffix}", copy)
    database = sqlite3.connect(copy / path.name)
    try:
        return {key for (key,) in database.execute("SELECT key FROM alert")}
    except sqlite3.OperationalError as error:
        if "no such table" not in str(error):
            raise
        return set()  # killed before the table was made
    finally:
        database.close()


def trial(rounds: int, seed: int, folder: Path, *, full_every: int = 25, pause_s: float = 0.3, progress=lambda _: None):
    """Kill so many times, then let everything arrive; return the figures."""
    killer, began_at = Killer(folder, seed, full_every=full_every, pause_s=pause_s), time.monotonic()
    receiver = Receiver(killer.broker.port)
    try:
        for number in range(rounds):
            killer.round(number)
            if number % 50 == 49:
                progress(f"{number + 1} kills, {len(killer.raised)} raised, {time.monotonic() - began_at:.0f} s")
        settling_at = time.monotonic()
        killer.deliver(receiver, timeout_s=60.0 + rounds / 10)
        return {
            "kills": rounds,
            "of the whole program": killer.full_kills,
            "of the broker": killer.broker_kills,
            "raised": len(killer.raised),
            "received": len(killer.raised & set(receiver.kept)),
            "lost": len(killer.raised - set(receiver.kept)),
            "never committed": len(set(receiver.kept) - killer.raised),
            "duplicates": receiver.received - len(receiver.kept),
            "duplicates left": receiver.delivered_twice,
            "unlike under one key": receiver.conflicts,
            "all there after s": round(time.monotonic() - settling_at, 1),
            "elapsed s": round(time.monotonic() - began_at, 1),
        }
    finally:
        receiver.close()
        killer.broker.stop()


def passed(figures: dict[str, float]) -> bool:
    """Return whether nothing was lost, nothing arrived uncommitted, and every duplicate has the key of its original."""
    wrong = ("lost", "never committed", "duplicates left", "unlike under one key")
    return figures["raised"] > 0 and not any(figures[name] for name in wrong)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--full-every", type=int, default=25, help="one round in so many kills the whole program")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kills") as folder:
        figures = trial(
            wanted.rounds,
            wanted.seed,
            Path(folder),
            full_every=wanted.full_every,
            progress=Console().print,
        )
    Console().print("\n".join(f"{name:<22}{value:>10}" for name, value in figures.items()), highlight=False)
    sys.exit(not passed(figures))


if __name__ == "__main__":
    main()
