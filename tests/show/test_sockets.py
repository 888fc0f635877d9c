"""The sockets of a running maskwatch, of which several may start at the same moment."""

from __future__ import annotations

import multiprocessing
import socket
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from edge.show.sockets import is_listening, listen

ROUNDS = 100


def open_in_turn(folder: Path, start: Barrier, found: multiprocessing.Queue[tuple[int, str]]) -> None:
    """Listen at one path after another, each at the same moment as the other process."""
    listeners = []
    for number in range(ROUNDS):
        start.wait(60)
        try:
            listener, path = listen(folder / f"{number}.sock", socket.SOCK_STREAM, group="")
        except OSError as error:
            found.put((number, str(error)))
        else:
            listeners.append(listener)
            found.put((number, path.name if is_listening(path) else "gone"))
    start.wait(60)


@pytest.mark.timeout(120)
def test_two_that_start_at_the_same_moment_both_listen(tmp_path):
    """Two cameras of one machine start together after a power cut."""
    start, found = multiprocessing.Barrier(2), multiprocessing.Queue()
    both = [multiprocessing.Process(target=open_in_turn, args=(tmp_path, start, found)) for _ in range(2)]
    for process in both:
        process.start()
    names = sorted(found.get(timeout=60) for _ in range(2 * ROUNDS))
    for process in both:
        process.join()
    assert len(set(names)) == 2 * ROUNDS, names
    assert all(name.startswith((f"{number}.", f"{number}-")) for number, name in names), names
