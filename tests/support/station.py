"""A station in the field: a camera, a broker, a listener and the real program, each of which can be made to fail."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.support import street
from tests.support.fakes import Stopwatch, eventually
from tests.support.mosquitto import Mosquitto
from tests.support.ports import free_port
from tests.support.service import Ear, Watch, on

OVERLOAD_HZ = 120.0
"""Ten times the usual rate: with `heat` on the process, more than a fast machine can process, too."""


class MjpegCamera:
    """A network camera; `show` is what it sees, at `rate_hz`."""

    def __init__(self) -> None:
        self.port = free_port()
        self.show, self.rate_hz = street.well(), 12.0
        self._life = 0
        self._stalled = False
        self._server: ThreadingHTTPServer | None = None
        self.plug_in()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/video"

    def plug_in(self) -> None:
        """Serve on the same port as before."""
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with suppress(OSError):
                    camera._serve(self)

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        ThreadingHTTPServer.allow_reuse_address = True
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def unplug(self) -> None:
        """End every connection and take no more."""
        assert self._server
        self._life += 1
        self._server.shutdown()
        self._server.server_close()
        self._server = None

    def stall(self) -> None:
        """Send nothing more on any connection; new ones get no frame either."""
        self._stalled = True

    def recover(self) -> None:
        """Serve new connections again; the stalled ones stay as they are."""
        self._stalled = False

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "multipart/x-mixed-replace; boundary=b")
        handler.end_headers()
        life, number = self._life, 0
        while self._life == life:
            if self._stalled:
                while self._life == life:
                    time.sleep(0.1)
                return
            picture = self.show[number % len(self.show)]
            head = b"--b\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(picture)
            handler.wfile.write(head + picture + b"\r\n")
            number += 1
            time.sleep(1 / self.rate_hz)


class Station:
    """The real program on a network camera and on a real broker, and what it prints and publishes."""

    def __init__(self, broker: Mosquitto, camera: MjpegCamera, *arguments: object, **more: str) -> None:
        self.broker, self.camera = broker, camera
        self.ear = Ear(broker.port)
        self.watch = Watch("--source", camera.url, *on(broker), *arguments, **more)
        self.output: list[str] = []
        for stream in (self.watch.process.stdout, self.watch.process.stderr):
            threading.Thread(target=self._listen, args=(stream,), daemon=True).start()

    def _listen(self, stream) -> None:
        self.output.extend(iter(stream.readline, ""))

    @property
    def health(self) -> str:
        """The newest state of camera and lens."""
        sent = self.ear.of("camera/main/health")
        return json.loads(sent[-1])["state"] if sent else ""

    def problem(self, name: str) -> str:
        sent = self.ear.of(f"problem/{name}")
        return json.loads(sent[-1])["text"] if sent and sent[-1] else ""

    @property
    def stats(self) -> dict:
        sent = self.ear.of("stats")
        return json.loads(sent[-1]) if sent else {}

    @property
    def up(self) -> bool:
        return self.watch.process.poll() is None

    def walks(self, frames: int = 10, timeout_s: float = 20.0) -> bool:
        """Return whether so many more frames are walked in time."""
        before = self.stats.get("frames", 0)
        return eventually(lambda: self.stats.get("frames", 0) >= before + frames, timeout_s)

    def close(self) -> None:
        if self.up:
            self.watch.process.kill()
        self.watch.process.wait()
        self.ear.close()


@contextmanager
def station(folder: Path, *arguments: object, **more: str) -> Iterator[Station]:
    """Run a station until the block ends; its camera works when the block begins."""
    broker, camera = Mosquitto(folder), MjpegCamera()
    broker.start()
    outbox = ("--set", f"mqtt.outbox={folder}/outbox.db", "--set", f"show.socket={folder}/scene.sock")
    made = Station(broker, camera, *outbox, *arguments, **more)
    try:
        assert eventually(lambda: made.health == "ok" and made.stats.get("camera") == "ok", 40), made.output
        yield made
    finally:
        made.close()
        camera.unplug()
        broker.signal(signal.SIGCONT)
        broker.stop()


def seconds_until(condition: Callable[[], object], timeout_s: float) -> float:
    """Return how long a condition took to come true by the clock; fail when it did not in time by the stopwatch."""
    began_at, watch = time.monotonic(), Stopwatch()
    while not condition():
        assert watch.s < timeout_s, f"not within {timeout_s} s"
        time.sleep(0.02)
    return round(time.monotonic() - began_at, 2)


def open_files(pid: int) -> int:
    """Return how many descriptors a process holds."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def size_bytes(pid: int, field: str = "VmSize") -> int:
    """Return a size of a process. Source: proc(5), status."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.split(f"{field}:")[1].split()[0]) * 1024


@contextmanager
def heat(pid: int) -> Iterator[None]:
    """Leave a process a quarter of the processor: it is stopped for three quarters of the time, as on a hot board."""
    over = threading.Event()

    def throttle() -> None:
        while not over.wait(0.01):
            os.kill(pid, signal.SIGSTOP)
            over.wait(0.03)
            os.kill(pid, signal.SIGCONT)

    thread = threading.Thread(target=throttle)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
