"""A service that tests control, and the real process of its web page."""

from __future__ import annotations

import http.client
import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import numpy as np

from edge.clock import Clock
from edge.data import EventType, Mask, Reason
from edge.privacy.background import BackgroundModel
from edge.privacy.pixelate import Cover, Pixelation
from edge.show.daily import DailyLog, Sources
from edge.show.feed import Feed
from edge.show.shared_scene import SceneServer
from tests.support import fakes
from tests.support.fakes import eventually
from tests.support.messages import alert as alert_of
from tests.support.ports import free_port
from tests.support.program import command, environment

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class PlayedService:
    """The sinks that feed the page; a thread puts scenes into them until it is closed."""

    def __init__(self, folder: Path, *, every_s: float = 0.02, images_every_s: float = 0.05) -> None:
        self.scene = folder / "scene.sock"
        self.state = {"fps_hz": 15.0, "latency_ms": 40.0, "camera": "ok", "broker": "online", "waiting": 0}
        self.state |= {"dropped_alerts": 0, "problems": {}}
        device = {"name": "stop-7", "site": "Main Street", "camera": "main", "version": "1.2.3"}
        models = [
            {"kind": kind, "name": f"{kind}net", "version": "1.0", "sha256": "ab" * 32} for kind in ("face", "mask")
        ]
        fixed = {"device": device, "models": models, "settings": {"alert": {"dwell_s": 1.0}}}
        self.drift: dict | None = None
        sources = Sources(fixed, lambda: self.state, lambda _key: False, 60.0, lambda: self.drift)
        self.day = DailyLog(sources, Clock())
        cover = Pixelation(Cover.ALL, BackgroundModel(), cells=32)
        self.images = SceneServer(
            folder / "scene.web",
            max_side_px=640,
            status=str,
            redact=cover.image,
            every_s=images_every_s,
        )
        self.feed = Feed(folder / "scene.day", compose=self.day.compose, version=lambda: self.day.version, every_s=0.5)
        self._every_s, self._ended, self._lock = every_s, threading.Event(), threading.Lock()
        self._alerts: list = []
        self.episodes: tuple = ()
        self.people = (
            replace(fakes.track(), box=(120, 60, 200, 150)),
            replace(fakes.track(2, Mask.WITH_MASK), box=(300, 60, 380, 150), face=1),
        )
        self._thread = threading.Thread(target=self._play)
        self._thread.start()

    def raise_alert(
        self, name: str, kind: EventType = EventType.START, seq: int = 0, reason: Reason | None = None
    ) -> None:
        """Raise an alert in the next scene."""
        with self._lock:
            self._alerts.append(alert_of(event_id=name, event_type=kind, seq=seq, reason=reason))

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        self.images.close()
        self.feed.close()

    def _play(self) -> None:
        shade = 0
        noise = np.random.default_rng(1).integers(0, 255, (360, 640, 3), np.uint8)
        while not self._ended.wait(self._every_s):
            shade = (shade + 3) % 200
            image = noise // 4 + np.uint8(shade)
            with self._lock:
                alerts, self._alerts = tuple(self._alerts), []
            now = self.day._clock.monotonic()
            scene = fakes.scene(self.people, alerts, self.episodes, decided_at=now)
            scene = replace(scene, frame=fakes.frame(image=image))
            for sink in (self.images, self.day, self.feed):
                sink.put(scene)


class Site:
    """`maskwatch web` as a process of its own."""

    def __init__(self, watch_at: Path, folder: Path, *overrides: str, wait: bool = True) -> None:
        self.port, self.folder = free_port(), folder
        named = [word for pair in (f"web.port={self.port}", *overrides) for word in ("--set", pair)]
        self.process = subprocess.Popen(
            command("web", "--socket", watch_at, *named),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment(XDG_STATE_HOME=str(folder)),
        )
        if wait:
            assert eventually(self._serves, 20), self.end()[1]

    def _serves(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    @property
    def token(self) -> str:
        return (self.folder / "maskwatch/web-token").read_text().strip()

    def ask(self, method: str, path: str, body: str | None = None, *, source: str = "127.0.0.1", **headers: str):
        """Return the response to one request, with its body in `text`; `headers` in Python's spelling."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10, source_address=(source, 0))
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        connection.request(method, path, body, named)
        answer = connection.getresponse()
        answer.text = answer.read().decode("utf-8", "replace")
        connection.close()
        return answer

    def post(self, path: str, fields: dict[str, str] | None = None, **more: str):
        """Return the response to a form of the page."""
        headers = {"Origin": f"http://127.0.0.1:{self.port}", "Content_Type": FORM["Content-Type"], **more}
        return self.ask("POST", path, urlencode(fields or {}), **headers)

    def log_in(self) -> str:
        """Return the cookie of a new session."""
        answer = self.post("/login", {"token": self.token})
        assert answer.status == 303, answer.text
        return answer.headers["Set-Cookie"].partition(";")[0]

    @contextmanager
    def stream(self, path: str, cookie: str) -> Iterator[http.client.HTTPResponse]:
        """Return a response without an end."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", path, headers={"Cookie": cookie})
        answer = connection.getresponse()
        try:
            yield answer
        finally:
            answer.close()
            connection.close()

    def end(self) -> tuple[int, str]:
        self.process.terminate()
        out, _ = self.process.communicate(timeout=10)
        return self.process.returncode, out


def next_event(answer: http.client.HTTPResponse) -> tuple[str, str]:
    """Return name and text of the next event of a stream."""
    name = ""
    while line := answer.readline().decode():
        if line.startswith("event: "):
            name = line[7:].strip()
        if line.startswith("data: "):
            return name, line[6:].strip()
    return "", ""


def next_jpeg(answer: http.client.HTTPResponse) -> bytes:
    """Return the next image of a multipart stream, b"" at its end."""
    while line := answer.readline():
        if match := re.match(rb"Content-Length: (\d+)", line):
            answer.readline()
            return answer.read(int(match[1]))
    return b""
