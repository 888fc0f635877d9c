"""A video on a mount that hangs for real: a file system in user space whose daemon is stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fakes import eventually
from tests.support.needs import need
from tests.support.program import command, environment

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not Path("/dev/fuse").exists() or os.getuid() != 0, reason="no file systems in user space"),
]


class Mount:
    """A folder seen through bindfs; nothing of it is kept in memory, so that each read asks the daemon."""

    def __init__(self, source: Path, target: Path) -> None:
        self.target = target
        self._daemon = subprocess.Popen([need("bindfs"), "-f", "-o", "direct_io", source, target])
        assert eventually(target.is_mount), "bindfs did not mount"

    def hang(self) -> None:
        self._daemon.send_signal(signal.SIGSTOP)

    def answer(self) -> None:
        self._daemon.send_signal(signal.SIGCONT)

    def close(self) -> None:
        self.answer()
        self._daemon.terminate()
        self._daemon.wait(10)


@pytest.fixture
def mount(tmp_path: Path, demo_video: Path) -> Iterator[Mount]:
    """Return a mount that holds `long.mp4`, five minutes of the demo."""
    source, target = tmp_path / "disk", tmp_path / "mnt"
    source.mkdir()
    target.mkdir()
    repeat = [need("ffmpeg"), "-loglevel", "error", "-stream_loop", "9", "-i", demo_video]
    subprocess.run([*repeat, "-c:v", "libx264", "-preset", "ultrafast", "-qp", "0", source / "long.mp4"], check=True)
    made = Mount(source, target)
    yield made
    made.close()


class Watch:
    """A running watch and the lines of its log, each with the time it came at."""

    def __init__(self, source: Path) -> None:
        words = command("run", "--source", source, "--set", "mqtt.host=embedded", "--set", "mqtt.port=18852")
        self.process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=environment())
        self.lines: list[tuple[float, str]] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.lines.append((time.monotonic(), line))

    def seconds_until(self, words: str, since: float) -> float:
        """Return how long after `since` a line with these words came."""
        assert eventually(lambda: self._came(words, since), 20), self.lines
        return self._came(words, since)[0] - since

    def _came(self, words: str, since: float) -> list[float]:
        return [at for at, line in self.lines if at >= since and words in line]


def test_a_mount_that_hangs_is_reported_within_2_s_read_again_within_5_and_does_not_block_a_stop(mount, capsys):
    watch = Watch(mount.target / "long.mp4")
    watch.seconds_until("long.mp4: ok", 0)
    mount.hang()
    noticed_s = watch.seconds_until("silent: nothing has come", hung := time.monotonic())
    mount.answer()
    back_s = watch.seconds_until("long.mp4: ok", time.monotonic())
    mount.hang()
    watch.seconds_until("silent: nothing has come", hung + noticed_s + back_s)
    watch.process.send_signal(signal.SIGTERM)
    ended_s = watch.seconds_until("left to the end of the process", time.monotonic())
    mount.answer()  # the kernel lets nobody go who waits for such a mount, not even the dead
    assert watch.process.wait(10) == 0, watch.lines[-12:]
    with capsys.disabled():
        print(f"\na hung mount: noticed {noticed_s:.1f} s, back {back_s:.1f} s, ended {ended_s:.1f} s")
    assert noticed_s <= 3.0  # 2 s from the last frame, which came while what had been read ahead was walked
    assert back_s <= 5
    assert ended_s <= 5
