"""The web page under attack: floods, requests that no browser sends, forged addresses, damaged messages and scenes."""

from __future__ import annotations

import contextlib
import json
import logging
import random
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as bounds
from hypothesis import strategies as st

from edge.data import Mask
from edge.errors import ConfigError
from edge.settings.load import load
from edge.show import shared_memory
from edge.show.child_process import ChildProcess
from edge.show.page import live
from edge.show.page.accept import subscriber_of
from edge.show.page.events import PARTS, parts_of
from edge.show.page.log_limit import OncePerMinute
from edge.show.page.sessions import LoginThrottle
from edge.show.shared_scene import SceneServer
from edge.show.view import Mark, View, to_json
from tests.support import fakes
from tests.support.certificates import authority, signed
from tests.support.fakes import eventually, scene_of
from tests.support.pages import PlayedService, Site, next_event, next_jpeg
from tests.support.ports import free_port
from tests.support.settings import NOWHERE

VIEWERS = 3
PLACES = 4 * VIEWERS + 16
ELSEWHERE = "127.0.0.5"


class Secured:
    """A page over TLS with its certificate authority, and what it logs."""

    def __init__(self, watch: PlayedService, folder: Path, *overrides: str) -> None:
        ca = authority(folder, "ca")
        pair = signed(folder, "device", ca)
        settings = (f"web.tls_cert={pair.cert}", f"web.tls_key={pair.key}", f"web.viewers={VIEWERS}", *overrides)
        self.site = Site(watch.scene, folder, *settings)
        self._context = ssl.create_default_context(cafile=ca.cert)

    def connect(self, source: str = ELSEWHERE) -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", self.site.port), 5, (source, 0))
        return self._context.wrap_socket(plain, server_hostname="127.0.0.1")

    def ask(self, source: str = ELSEWHERE) -> tuple[bytes, float]:
        """Return the first line of the login page's answer, and after how many seconds it came."""
        began_at = time.monotonic()
        with self.connect(source) as secure:
            secure.sendall(b"GET /login HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            return secure.recv(100).partition(b"\r\n")[0], time.monotonic() - began_at

    def rss_mb(self) -> float:
        lines = Path(f"/proc/{self.site.process.pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.site.process.pid}/fd").iterdir()))


@pytest.fixture(scope="module")
def watch(tmp_path_factory) -> Iterator[PlayedService]:
    made = PlayedService(tmp_path_factory.mktemp("watch"))
    yield made
    made.close()


@pytest.fixture
def secured(watch, tmp_path) -> Iterator[Secured]:
    made = Secured(watch, tmp_path)
    yield made
    if made.site.process.poll() is None:
        made.site.end()


@pytest.fixture(scope="module")
def site(watch, tmp_path_factory) -> Iterator[Site]:
    made = Site(watch.scene, tmp_path_factory.mktemp("state"))
    yield made
    made.end()


@contextlib.contextmanager
def flood(port: int, first_bytes: bytes) -> Iterator[list[socket.socket]]:
    """Open 1,000 connections a second for as long as this lasts, and keep 1,500 of them."""
    ended, opened = threading.Event(), []

    def open_more() -> None:
        while not ended.wait(0.001):
            each = socket.socket()
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))
            with contextlib.suppress(OSError):
                each.send(first_bytes)
            opened.append(each)
            if len(opened) > 1500:
                opened.pop(0).close()

    thread = threading.Thread(target=open_more)
    thread.start()
    try:
        yield opened
    finally:
        ended.set()
        thread.join()
        for each in opened:
            each.close()


@pytest.mark.parametrize("first_bytes", [b"", b"\x16\x03\x01", b"\0" * 100], ids=["silent", "TLS begun", "no TLS"])
def test_a_flood_of_connections_locks_nobody_out_and_fills_neither_memory_nor_log(secured, first_bytes):
    """1,500 silent ones made the page unreachable for a minute, took 300 MB, and wrote 170 MB of log."""
    assert secured.ask()[0] == b"HTTP/1.1 200 OK"
    before_mb = secured.rss_mb()
    with flood(secured.site.port, first_bytes) as opened:
        assert eventually(lambda: len(opened) > 500, 20)
        answers = [secured.ask() for _ in range(20)]
        assert {line for line, _ in answers} == {b"HTTP/1.1 200 OK"}
        assert sorted(after_s for _, after_s in answers)[10] < 1
        assert secured.descriptors() < PLACES + 40
    assert secured.rss_mb() - before_mb < 100
    _, out = secured.site.end()
    assert out.count("connections are in use") <= 1
    assert len(out) < 2_000, out[:4_000]


@pytest.mark.parametrize("length", [0, 900], ids=["idle after a request", "a body that never comes"])
def test_a_flood_of_incomplete_requests_locks_nobody_out(site, length):
    """Such connections are neither silent nor idle."""
    head = "POST /login HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n"
    if length:
        head = head.replace("evil.example", "localhost")
    with flood(site.port, f"{head}Content-Length: {length}\r\n\r\n".encode()) as opened:
        assert eventually(lambda: len(opened) > 500, 20)
        assert {site.ask("GET", "/login", source=ELSEWHERE).status for _ in range(20)} == {200}


def test_a_flood_ends_no_stream(secured):
    with secured.connect() as secure:
        token = f"token={secured.site.token}".encode()
        head = b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: https://127.0.0.1\r\nContent-Length: %d\r\n\r\n"
        secure.sendall(head % len(token) + token)
        cookie = secure.recv(4096).partition(b"set-cookie: ")[2].partition(b";")[0]
        assert cookie
    with secured.connect("127.0.0.1") as secure:
        secure.sendall(b"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: %s\r\n\r\n" % cookie)
        assert secure.recv(4096).startswith(b"HTTP/1.1 200")
        with flood(secured.site.port, b"") as opened:
            assert eventually(lambda: len(opened) > 10 * PLACES, 20)
            secured.ask()
            received = b""
            end_at = time.monotonic() + 10
            while received.count(b"event: state") < 4 and time.monotonic() < end_at:
                received += secure.recv(65_536)
            assert received.count(b"event: state") >= 4


def test_a_flood_from_one_address_ends_connections_of_that_address_and_no_other(secured):
    request = b"GET /login HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with secured.connect() as patient:
        patient.sendall(request)
        assert patient.recv(65_536).startswith(b"HTTP/1.1 200")
        with flood(secured.site.port, b"") as opened:
            assert eventually(lambda: len(opened) > 10 * PLACES, 4)
            patient.sendall(request)
            assert b"HTTP/1.1 200" in patient.recv(65_536) + patient.recv(65_536)


@pytest.mark.parametrize("first_bytes", [b"", b"\x16\x03\x01"], ids=["silent", "TLS begun"])
def test_a_connection_that_does_not_complete_tls_is_closed_within_seconds(secured, first_bytes):
    with socket.create_connection(("127.0.0.1", secured.site.port), 20) as silent:
        silent.sendall(first_bytes)
        began_at = time.monotonic()
        with contextlib.suppress(ConnectionResetError):
            assert silent.recv(1) == b""
        assert 4 < time.monotonic() - began_at < 12


def test_an_address_counts_for_itself_and_an_ipv6_address_for_its_subscriber():
    assert subscriber_of("192.0.2.1") == subscriber_of("::ffff:192.0.2.1") == "192.0.2.1"
    assert subscriber_of("2001:db8:1:2::3") == subscriber_of("2001:db8:1:2:ffff::") == "2001:db8:1:2::/64"
    assert subscriber_of("2001:db8:1:3::3") != subscriber_of("2001:db8:1:2::3")
    assert subscriber_of("what a proxy writes") == "what a proxy writes"


def raw(site: Site, request: bytes) -> bytes:
    """Return what is answered to bytes of any kind."""
    with socket.create_connection(("127.0.0.1", site.port), 10) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := connection.recv(65_536):
                answer += piece
        return answer


ORIGINS = ["http://[", "http://[::1", "http://]", "http://a:b:c", "http://\u2100", "://", "[", "http://%", "\\\\x"]


@pytest.mark.parametrize("origin", ORIGINS)
def test_an_origin_that_is_not_a_url_is_refused_like_any_other(site, origin):
    """`http://[` was an error of the server, with 2 KB of log for each, 330 times a second."""
    head = f"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nOrigin: {origin}\r\n\r\n"
    assert raw(site, head.encode()).startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize("target", ["[", "[::1", "]", "@[", "[x]/", "?", "*", "a:b", "//[", "/[", "http://[", "%5b"])
def test_a_target_that_is_not_a_path_is_refused_without_a_server_error(site, target):
    head = f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    assert raw(site, head.encode()).partition(b" ")[2][:3] in (b"303", b"400", b"401", b"404")


words = st.one_of(
    st.sampled_from(
        [*ORIGINS, "", "localhost", "127.0.0.1", "gzip", "chunked", "9" * 5000, "-1", "1e3", "=", ";", ","]
    ),
    st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=30),
)
names = st.sampled_from(
    [
        *("Host", "Origin", "Cookie", "Content-Length", "Transfer-Encoding", "Content-Type", "Connection", "Upgrade"),
        *("X-Forwarded-For", "X-Forwarded-Proto", "Forwarded", "Expect", "Range", "Referer", "Accept", "Trailer"),
        *("If-None-Match", "Authorization", "Sec-WebSocket-Key"),
    ]
)
targets = st.sampled_from(["/", "/login", "/logout", "/events", "/live.mjpg", "/page.js", "[", "//[", "/%00", "*"])


@bounds(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(["GET", "POST", "HEAD", "PUT", "G\xe4T", ""]),
    target=targets | words,
    headers=st.lists(st.tuples(names, words), max_size=4),
    body=st.binary(max_size=40),
    whole=st.booleans(),
)
def test_no_request_causes_a_server_error(site, method, target, headers, body, whole):
    good = [("Host", "localhost"), ("Origin", "http://localhost"), ("Content-Length", str(len(body)))]
    lines = [f"{name}: {value}" for name, value in [*(good if whole else []), *headers]]
    request = "\r\n".join([f"{method} {target} HTTP/1.1", *lines, "", ""]).encode("latin-1", "replace") + body
    answer = raw(site, request)
    assert not answer.partition(b" ")[2].startswith(b"5"), answer[:200]
    assert site.process.poll() is None


def test_such_requests_leave_no_trace_in_the_log(watch, tmp_path):
    """The same requests at a page of their own, whose log is read."""
    site = Site(watch.scene, tmp_path)
    for number in range(200):
        random.seed(number)
        request = random.choice(["POST /login", "GET [", "GET /"]) + " HTTP/1.1\r\nHost: localhost\r\n"
        raw(site, f"{request}Content-Length: 0\r\nOrigin: {random.choice(ORIGINS)}\r\n\r\n".encode())
    _, out = site.end()
    assert len(out.splitlines()) == 1, out


def test_a_forged_address_allows_no_more_attempts(watch, tmp_path):
    """A client on loopback, through a tunnel or as a local user, could name another address with each attempt."""
    site = Site(watch.scene, tmp_path)
    guesses = [({"token": f"guess {n}"}, f"192.0.2.{n}") for n in range(7)]
    statuses = [site.post("/login", guess, X_Forwarded_For=address).status for guess, address in guesses]
    assert statuses == [401] * 5 + [429] * 2
    site.end()


def test_only_a_trusted_proxy_may_name_the_address_of_a_client(watch, tmp_path):
    site = Site(watch.scene, tmp_path, 'web.trusted_proxies=["127.0.0.9", "127.1.0.0/16"]')

    def guess(source: str, forwarded: str) -> list[int]:
        return [site.post("/login", {"token": "x"}, source=source, X_Forwarded_For=forwarded).status for _ in range(6)]

    assert guess("127.0.0.9", "192.0.2.1") == [401] * 5 + [429]
    assert guess("127.0.0.9", "evil, 192.0.2.1")[0] == 429  # what the client wrote stands before what the proxy did
    assert guess("127.1.2.3", "192.0.2.2")[0] == 401
    assert guess("127.0.0.10", "192.0.2.3") == [401] * 5 + [429]
    assert guess("127.0.0.10", "192.0.2.4")[0] == 429
    site.end()


@pytest.mark.parametrize("value", ['["*"]', '["proxy.example"]', '["0.0.0.0/0"]', '["::/0"]', '["10.0.0.1/8"]'])
def test_an_invalid_proxy_address_is_refused_with_an_example(value):
    with pytest.raises(ConfigError, match=r"web\.trusted_proxies.*such as 127\.0\.0\.1 or 10\.0\.0\.0/24"):
        load(overrides=[f"web.trusted_proxies={value}"], system_file=NOWHERE)


def test_attempts_from_all_addresses_of_one_subscriber_count_together():
    tries = LoginThrottle(limit=2)
    for number in range(2):
        tries.failed(subscriber_of(f"2001:db8::{number}"))
    assert tries.wait_s(subscriber_of("2001:db8::9")) > 0
    assert tries.wait_s(subscriber_of("2001:db8:0:1::9")) == 0


class Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


def test_the_log_has_one_line_per_kind_and_minute_with_the_number_held_back():
    clock, kept = fakes.FakeClock(), Kept()
    kept.addFilter(OncePerMinute(clock))
    logger = logging.getLogger("page under test")
    logger.addHandler(kept)
    logger.propagate = False

    def fail(words: str) -> None:
        try:
            raise ValueError(f"{words}\nand more")
        except ValueError:
            logger.exception("Exception in application\n")

    for number in range(100):
        fail(str(number))
        logger.warning("full: %d", number)
    assert len(kept.lines) == 2
    assert kept.lines[0].startswith("Exception in application: ValueError: 0 and more (test_web_strangers.py:")
    assert kept.lines[1] == "full: 0"
    clock.now += 61
    logger.warning("full: %d", 7)
    logger.warning("other")
    assert kept.lines[2:] == ["full: 7 (and 99 more since the last line)", "other"]


def test_endless_kinds_of_log_lines_use_limited_memory():
    brief = OncePerMinute(fakes.FakeClock())
    for number in range(5_000):
        brief.filter(logging.LogRecord("page", logging.INFO, "", 0, f"kind {number}", (), None))
    assert len(brief._passed_at) <= 200


def test_when_memory_runs_out_the_kernel_kills_a_viewer_before_the_service():
    child = ChildProcess("page", ["--help"])
    assert child._process is not None
    score = Path(f"/proc/{child._process.pid}/oom_score_adj").read_text()
    child.close()
    assert int(score) == 500


numbers = st.integers() | st.floats()
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*PARTS, "x", "a\nb"]), inner),
    max_leaves=10,
)


@bounds(max_examples=300, deadline=None)
@given(st.binary(max_size=100) | values.map(lambda value: json.dumps(value).encode()))
def test_any_message_is_refused_or_becomes_parts_of_one_line_each(message):
    try:
        parts = parts_of(message)
    except ValueError:
        return
    assert set(parts) <= PARTS
    for text in parts.values():
        assert "\n" not in text
        assert "\r" not in text
        json.loads(text, parse_constant=lambda _: pytest.fail("no browser reads it"))


def test_damaged_messages_are_skipped_and_the_page_continues(tmp_path):
    """One message that was no JSON ended the task that follows the watch: the page stood still for ever."""
    damaged = [b"{", b"[" * 50_000, b"\xff\xff", b"[]", b'"state"', b"null", b'{"state":NaN}', b"\0" * 1000]
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(tmp_path / "scene.day"))
        listener.listen(1)
        site = Site(tmp_path / "scene.sock", tmp_path)
        feed, _ = listener.accept()
        with site.stream("/events", site.log_in()) as news:
            for number, message in enumerate(damaged):
                feed.send(message)
                feed.send(json.dumps({"state": {"number": number}, "a\n\nb": 1}).encode())
                while next_event(news) != ("state", json.dumps({"number": number}, separators=(",", ":"))):
                    pass
        feed.close()
    _, out = site.end()
    assert out.count("is skipped") == 1
    assert "Traceback" not in out


def scribbled(writer: shared_memory.SceneWriter, seed: int) -> None:
    """Write a scene, and damage it in one of many ways."""
    randomly = random.Random(seed)
    image = np.full((120, 160, 3), 90, np.uint8)
    view = View((Mark((0.1, 0.1, 0.4, 0.5), Mask.UNSURE, 0.5),), "fine", "notice")
    writer.write(image, to_json(view))
    start = shared_memory._PAGE + writer._half_bytes * (writer.written % 2)
    way = seed % 6
    if way == 0:
        sizes = [randomly.choice([0, 1, 2**16, 2**31, 2**32 - 1]) for _ in range(3)]
        shared_memory._SIZES.pack_into(writer._memory, start, *sizes)
    elif way == 1:
        writer._memory[start + 12 : start + 40] = randomly.randbytes(28)
    elif way == 2:
        writer.write(image, b"[" * 60_000)
    elif way == 3:
        writer.write(image, to_json(view)[: randomly.randrange(200)])
    elif way == 4:
        shared_memory._HEAD.pack_into(
            writer._memory, 0, randomly.randbytes(8), *(randomly.randrange(2**64) for _ in range(2))
        )
    else:
        writer.write(image, to_json(View(status="\0\n" * 2_000, banner=" \n")))


def test_no_damaged_scene_ends_the_live_image_for_good(tmp_path):
    """Broken JSON in the shared memory ended the thread that makes the images, without a message."""
    server = SceneServer(tmp_path / "scene.web", max_side_px=640, status=str)
    site = Site(tmp_path / "scene.sock", tmp_path)
    good = scene_of(fakes.picture(200, (160, 120)))
    with site.stream("/live.mjpg", site.log_in()) as stream:
        assert eventually(lambda: server.put(good) or len(server._viewers) == 1)
        for seed in range(60):
            scribbled(server._memory, seed)
            server._viewers.send(b"\1")
        ended = threading.Event()
        thread = threading.Thread(target=lambda: [server.put(good) for _ in iter(lambda: ended.wait(0.05), True)])
        thread.start()
        try:
            end_at = time.monotonic() + 20
            while time.monotonic() < end_at:
                image = cv2.imdecode(np.frombuffer(next_jpeg(stream), np.uint8), 1)
                if image.shape == (120, 160, 3) and abs(int(image[110, 150, 0]) - 200) < 9:
                    break
            else:
                pytest.fail("no image came after the damaged ones")
        finally:
            ended.set()
            thread.join()
    server.close()
    _, out = site.end()
    assert "Traceback" not in out
    assert len(out.splitlines()) < 8, out


def test_an_error_while_drawing_does_not_end_the_image_thread(tmp_path, monkeypatch, caplog):
    """The last net: an error that nobody thought of."""
    drawn = []

    def fail_at_first(*_scene) -> bytes:
        drawn.append(1)
        if len(drawn) == 1:
            raise ZeroDivisionError("nobody thought of it")
        return b"jpeg"

    monkeypatch.setattr(live, "encoded", fail_at_first)
    monkeypatch.setattr(live, "_RETRY_S", 0.01)
    offered = []
    pictures = live.LiveImage(tmp_path / "scene.web", viewers=1)
    monkeypatch.setattr(pictures, "_hand_over", offered.append)
    server = SceneServer(tmp_path / "scene.web", max_side_px=64, status=str)
    pictures._thread.start()
    assert pictures.add_viewer()
    assert eventually(lambda: server.put(scene_of(fakes.picture(9))) or offered)
    pictures.close()
    server.close()
    assert caplog.text.count("cannot be shown") == 1


def test_a_viewer_that_the_kernel_kills_is_restarted_and_the_service_continues(watch, tmp_path, monkeypatch):
    """As OOMPolicy=continue in the unit lets it: the web page is ended by SIGKILL."""
    monkeypatch.setattr("edge.show.child_process._FIRST_RESTART_S", 0.2)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    child = ChildProcess("page", ["web", "--socket", str(watch.scene), "--set", f"web.port={free_port()}"])
    first = child._process
    assert first is not None
    first.kill()
    assert eventually(lambda: child.put(fakes.scene()) or child._process not in (None, first), 10)
    child.close()


def test_every_log_handler_of_the_page_s_process_has_the_limit():
    code = (
        "import logging; from edge.show.page import serve; logging.basicConfig();"
        "serve.Server = type('S', (), {'__init__': lambda s, *a, **k: None, 'run': lambda s, x: None});"
        "from edge.settings.load import load; from pathlib import Path;"
        f"s = load(overrides=['web.port={free_port()}'], system_file=Path('/nonexistent')).settings.web;"
        "serve.serve(s, Path('/nonexistent/scene.sock'), Path('/nonexistent/history.db'), with_watch=False);"
        "print([type(f).__name__ for h in logging.getLogger().handlers for f in h.filters])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['OncePerMinute']\n"
