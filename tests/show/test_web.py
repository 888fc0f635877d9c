"""The process of the web page, as strangers and technicians use it, and as it fails."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.data import EventType, Reason
from edge.errors import ConfigError
from edge.settings.load import load
from edge.show.feed import MESSAGE_BYTES
from edge.show.page import binding
from edge.show.page.sessions import LoginThrottle, Sessions, tokens_match
from edge.show.page.token import token_of
from tests.support import fakes
from tests.support.certificates import authority, signed
from tests.support.fakes import Stopwatch, eventually
from tests.support.pages import PlayedService, Site, next_event, next_jpeg
from tests.support.ports import answers, free_port
from tests.support.program import environment, maskwatch
from tests.support.settings import NOWHERE

VIEWERS = 3
ANYWHERE = ("/", "/events", "/live.mjpg", "/page.js", "/nothing", "/../etc/passwd")


@pytest.fixture(scope="module")
def watch(tmp_path_factory) -> Iterator[PlayedService]:
    made = PlayedService(tmp_path_factory.mktemp("watch"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def site(watch, tmp_path_factory) -> Iterator[Site]:
    made = Site(watch.scene, tmp_path_factory.mktemp("state"), f"web.viewers={VIEWERS}", "web.send_s=1.0")
    yield made
    made.end()


@pytest.fixture(scope="module")
def cookie(site) -> str:
    return site.log_in()


@pytest.mark.parametrize("path", ANYWHERE)
def test_without_a_session_only_the_login_page_is_served(site, path):
    answer = site.ask("GET", path)
    assert (answer.status, answer.headers["Location"]) == (
        (303, "/login") if path in ("/", "/history") else (401, None)
    )
    assert "camera" not in answer.text


@pytest.mark.parametrize("path", ["/login", "/login.js", "/style.css", "/icon.svg"])
def test_the_login_page_and_its_files_need_no_session(site, path):
    assert site.ask("GET", path).status == 200


@pytest.mark.parametrize("token", ["", "x", "maskwatch", "0000-0000-0000-0000-0000", "\ud83d\ude37" * 20])
def test_a_wrong_token_opens_nothing(site, token):
    answer = site.post(
        "/login", {"token": token.encode("utf-16", "surrogatepass").decode("utf-16")}, source="127.0.0.9"
    )
    assert answer.status in (401, 429)
    assert "Set-Cookie" not in answer.headers


def test_a_form_without_a_token_opens_nothing(site):
    assert site.post("/login", {"name": site.token}).status == 401


def test_the_token_opens_the_page_however_it_is_typed(site):
    typed = site.token.replace("-", " ").upper()
    answer = site.post("/login", {"token": f" {typed} "})
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    cookie = answer.headers["Set-Cookie"].partition(";")[0]
    assert site.ask("GET", "/", Cookie=cookie).status == 200


def test_the_cookie_is_limited_to_this_site_and_hidden_from_scripts(site):
    flags = site.post("/login", {"token": site.token}).headers["Set-Cookie"].lower().split("; ")[1:]
    assert {"httponly", "samesite=strict", "path=/", "max-age=43200"} == set(flags)


def test_the_cookie_is_secure_where_a_trusted_proxy_uses_tls(site, watch, tmp_path):
    behind = Site(watch.scene, tmp_path, 'web.trusted_proxies=["127.0.0.1"]')
    for each, is_secure in ((behind, True), (site, False)):
        answer = each.post("/login", {"token": each.token}, X_Forwarded_Proto="https")
        assert ("secure" in answer.headers["Set-Cookie"].lower().split("; ")) is is_secure
    behind.end()


@pytest.mark.parametrize("name", ["", "x", "a" * 43])
def test_a_made_up_cookie_opens_nothing(site, name):
    assert site.ask("GET", "/", Cookie=f"maskwatch-session={name}").status == 303


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost@evil.example", "[::2]", "", "a b"]
)
def test_a_host_name_that_is_not_configured_is_not_served(site, cookie, host):
    assert site.ask("GET", "/", Host=host, Cookie=cookie).status == 400


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8080", "127.0.0.1", "[::1]:8080"])
def test_the_names_of_this_machine_are_served(site, cookie, host):
    assert site.ask("GET", "/", Host=host, Cookie=cookie).status == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", ""])
def test_a_form_from_another_origin_is_refused(site, cookie, origin):
    assert site.post("/login", {"token": site.token}, Origin=origin).status == 403
    assert site.post("/logout", Origin=origin, Cookie=cookie).status == 403
    assert site.ask("GET", "/", Cookie=cookie).status == 200


def test_get_changes_nothing(site, cookie):
    for method in ("GET", "HEAD"):
        assert site.ask(method, "/logout", Cookie=cookie).status == 405
        assert "Set-Cookie" not in site.ask(method, f"/login?token={site.token}").headers
    assert site.ask("GET", "/", Cookie=cookie).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/../page/app.py",
        "/static/../../app.py",
        "/%2e%2e/app.py",
        "/..%2f..%2fapp.py",
        "/%2e%2e%5capp.py",
        "//etc/passwd",
        "//login",
        "/login/",
        "/page.js/",
        "/page.js%00",
        "/./page.js",
        "/static/",
        "/app.py",
        "/index.html/..",
        "/PAGE.JS",
        "/%252e%252e/app.py",
        "http://127.0.0.1/etc/passwd",
    ],
)
def test_tricks_with_paths_find_nothing(site, cookie, path):
    answer = site.ask("GET", path, Cookie=cookie)
    assert answer.status == 404
    assert answer.text == "Not Found"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
@pytest.mark.parametrize("path", ["/", "/login", "/live.mjpg"])
def test_other_methods_are_not_allowed(site, cookie, method, path):
    assert site.ask(method, path, Cookie=cookie).status == 405


@pytest.mark.parametrize("path", ["/live.mjpg", "/events"])
def test_a_stream_does_not_answer_head(site, cookie, path):
    assert site.ask("HEAD", path, Cookie=cookie).status == 405


def test_bodies_that_are_long_or_of_unknown_length_are_refused(site):
    assert site.post("/login", {"token": "x" * 2000}).status == 413
    assert site.ask("POST", "/login", Transfer_Encoding="chunked").status == 411
    assert site.ask("GET", "/login", "x" * 10, Content_Length="10").status == 413


def test_endless_headers_are_refused(site):
    """Some tail of it is never read, so the answer may be lost on its way."""
    try:
        assert site.ask("GET", "/login", X="y" * 2_000_000).status == 400
    except ConnectionError:
        assert site.ask("GET", "/login").status == 200


@pytest.mark.parametrize("path", ["/", "/login", "/page.js", "/nothing", "/logout", "/icon.svg"])
@pytest.mark.parametrize("inside", [True, False])
def test_every_response_has_the_security_headers(site, cookie, path, inside):
    headers = site.ask("GET", path, **({"Cookie": cookie} if inside else {})).headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert (headers["X-Content-Type-Options"], headers["X-Frame-Options"]) == ("nosniff", "DENY")
    assert (headers["Referrer-Policy"], headers["Cache-Control"]) == ("same-origin", "no-store")
    assert "Server" not in headers


def test_the_pages_comply_with_their_own_policy(site, cookie):
    for path in ("/", "/login"):
        page = site.ask("GET", path, Cookie=cookie).text
        assert "<style" not in page
        assert " style=" not in page
        assert not re.search(r"\son\w+\s*=", page)
        assert all(part.startswith((' type="module" src="/', ">")) for part in page.split("<script")[1:])


def test_wrong_tokens_throttle_their_address_and_no_other(site):
    guesser = "127.0.0.7"
    statuses = [site.post("/login", {"token": f"guess {n}"}, source=guesser).status for n in range(7)]
    assert statuses == [401] * 5 + [429] * 2
    answer = site.post("/login", {"token": site.token}, source=guesser)
    assert (answer.status, int(answer.headers["Retry-After"]) in range(1, 61)) == (429, True)
    assert site.post("/login", {"token": site.token}).status == 303


def test_an_address_may_try_again_after_a_minute():
    clock = fakes.FakeClock()
    tries = LoginThrottle(limit=2, monotonic=clock)
    tries.failed("a")
    clock.now += 10
    tries.failed("a")
    assert (tries.wait_s("a"), tries.wait_s("b")) == (50, 0)
    clock.now += 51
    assert tries.wait_s("a") == 0


def test_many_addresses_with_wrong_tokens_use_limited_memory():
    tries = LoginThrottle(limit=2)
    for number in range(5000):
        tries.failed(str(number))
    assert len(tries._failed_at) == 1000


def test_a_session_expires_and_the_oldest_is_closed_above_the_limit():
    clock = fakes.FakeClock()
    sessions = Sessions(lasts_s=100, monotonic=clock)
    first = sessions.open()
    clock.now += 99
    assert sessions.is_open(first)
    clock.now += 2
    assert not sessions.is_open(first)
    names = [sessions.open() for _ in range(100)]
    assert [sessions.is_open(name) for name in (names[0], names[-1])] == [False, True]
    assert not any(name.encode() in key for name in names for key in sessions._ends_at)


def test_tokens_are_long_unique_and_readable_by_their_owner_only(tmp_path):
    tokens = {token_of(tmp_path / name / "web-token") for name in "abc"}
    assert len(tokens) == 3
    assert {len(token) for token in tokens} == {24}
    path = tmp_path / "a/web-token"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert tokens_match(token_of(path).upper(), token_of(path))
    assert [entry.name for entry in path.parent.iterdir()] == ["web-token"]


def test_a_token_that_everybody_may_read_is_refused(tmp_path):
    path = tmp_path / "web-token"
    token_of(path)
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="everybody may read it; fix: chmod o-rwx"):
        token_of(path)


@pytest.mark.parametrize("content", [b"", b"short", b"- - - - - - - - - - - -", b"\xff" * 20])
def test_a_file_without_a_good_token_is_refused(tmp_path, content):
    path = tmp_path / "web-token"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match=r"web\.token_file"):
        token_of(path)


def test_logging_out_ends_the_session_and_its_streams(site):
    cookie = site.log_in()
    with site.stream("/events", cookie) as news:
        assert next_event(news)[0]
        assert site.post("/logout", Cookie=cookie).status == 303
        while next_event(news)[0]:
            pass
    assert site.ask("GET", "/", Cookie=cookie).status == 303


def test_the_events_contain_every_part_of_the_page_and_then_the_changes(site, cookie, watch):
    with site.stream("/events", cookie) as news:
        parts = {}
        while set(parts) < {"device", "since", "state", "alerts", "counts", "drift", "models", "settings"}:
            name, text = next_event(news)
            parts[name] = json.loads(text)
        assert parts["device"]["name"] == "stop-7"
        assert parts["state"]["faces"]["without_mask"] == 1
        assert (sum(parts["counts"]["without_mask"]), len(parts["counts"]["with_mask"])) == (1, 144)
        names = [next_event(news)[0] for _ in range(3)]
        assert set(names) == {"state"}


def test_an_alert_and_its_end_are_sent_within_a_second(site, cookie, watch):
    with site.stream("/events", cookie) as news:
        while next_event(news)[0] != "alerts":
            pass
        elapsed = Stopwatch()
        watch.raise_alert("raised")
        while (event := next_event(news))[0] != "alerts":
            pass
        assert elapsed.s < 1
        first = json.loads(event[1])[0]
        assert (first["id"], first["label"], first["duration_s"]) == ("raised", "without_mask", None)
        watch.raise_alert("raised", EventType.END, 1, Reason.MASK_ON)
        while (event := next_event(news))[0] != "alerts":
            pass
        first = json.loads(event[1])[0]
        assert (first["id"], first["duration_s"], first["reason"]) == ("raised", 1.0, "mask_on")


def test_the_live_image_changes_and_is_pixelated(site, cookie):
    with site.stream("/live.mjpg", cookie) as live:
        first, second = (cv2.imdecode(np.frombuffer(next_jpeg(live), np.uint8), 1) for _ in range(2))
    assert first.shape == second.shape == (360, 640, 3)
    assert np.abs(first.astype(int) - second).max() > 0
    cell = first[320:340, 0:20].astype(int)
    assert cell.std(axis=(0, 1)).max() < 3


def test_the_service_copies_no_image_while_nobody_watches(site, cookie, watch):
    assert eventually(lambda: not watch.images._viewers)
    before = watch.images._memory.written
    time.sleep(0.3)
    assert watch.images._memory.written == before
    with site.stream("/live.mjpg", cookie) as live:
        next_jpeg(live)
        assert watch.images._memory.written > before
    assert eventually(lambda: not watch.images._viewers)


def test_viewers_above_the_limit_are_refused_until_one_leaves(site, cookie):
    assert eventually(lambda: live_is_free(site, cookie))
    streams = [site.stream("/live.mjpg", cookie) for _ in range(VIEWERS)]
    for stream in streams:
        assert stream.__enter__().status == 200
    assert site.ask("GET", "/live.mjpg", Cookie=cookie).status == 503
    for stream in streams:
        stream.__exit__(None, None, None)
    assert eventually(lambda: live_is_free(site, cookie))


def live_is_free(site, cookie) -> bool:
    with site.stream("/live.mjpg", cookie) as live:
        return live.status == 200


def stalled(site, cookie) -> socket.socket:
    """Return a viewer that asks for the picture and never takes it."""
    viewer = socket.socket()
    viewer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    viewer.connect(("127.0.0.1", site.port))
    viewer.sendall(f"GET /live.mjpg HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n\r\n".encode())
    return viewer


def test_a_viewer_that_takes_nothing_is_disconnected_and_slows_nobody(site, cookie):
    assert eventually(lambda: live_is_free(site, cookie))
    lazy = stalled(site, cookie)
    with site.stream("/live.mjpg", cookie) as live:
        gaps_s = []
        for _ in range(60):
            waiting = Stopwatch()
            next_jpeg(live)
            gaps_s.append(waiting.s)
        assert max(gaps_s) < 0.5
        lazy.settimeout(5)
        with pytest.raises(ConnectionResetError):
            b"".join(iter(lambda: lazy.recv(4096), b""))
    lazy.close()


def test_the_page_notices_that_the_service_ends_and_comes_back(tmp_path):
    watch = PlayedService(tmp_path)
    site = Site(watch.scene, tmp_path)
    cookie = site.log_in()
    with site.stream("/events", cookie) as news, site.stream("/live.mjpg", cookie) as live:
        assert next_jpeg(live)
        watch.close()
        while next_event(news) != ("state", '{"gone":true}'):
            pass
        watch = PlayedService(tmp_path)
        while next_event(news)[0] != "state":
            pass
        assert next_jpeg(live)
    watch.close()
    assert site.end()[0] == 0


@pytest.mark.parametrize("delay_s", [0.0, 0.33, 0.66, 0.99])
def test_a_page_without_a_service_ends_on_a_signal(tmp_path, delay_s):
    """An earlier version lost a signal that came while it connected to the service."""
    site = Site(tmp_path / "scene.sock", tmp_path)
    time.sleep(delay_s)
    assert site.end()[0] == 0


def test_the_log_contains_the_place_of_the_token_and_not_the_token(tmp_path, watch):
    site = Site(watch.scene, tmp_path, "log.level=debug")
    token = site.token
    site.log_in()
    line = Path(f"/proc/{site.process.pid}/cmdline").read_text()
    _, out = site.end()
    assert token not in out + line
    assert "maskwatch web --token" in out
    assert "Traceback" not in out
    shown = maskwatch("web", "--token", XDG_STATE_HOME=str(tmp_path))
    assert shown.stdout == f"{token}\n"


def settings(*overrides: str):
    return load(overrides=overrides, system_file=NOWHERE).settings.web


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "device.example"])
def test_for_other_machines_the_page_is_served_over_tls_or_not_at_all(host):
    with pytest.raises(ConfigError, match=r"web\.host.*ssh -L"):
        binding.check(settings(f"web.host={host}"))


def test_a_run_that_would_serve_other_machines_without_tls_does_not_start():
    done = maskwatch("run", "--source", "demo", "--set", "web.serve=true", "--set", "web.host=0.0.0.0")
    assert done.returncode == 78
    assert done.stderr.startswith("maskwatch: web.host: 0.0.0.0")
    assert done.stderr.count("\n") == 1


def test_with_aggregate_counts_only_there_is_no_page():
    done = maskwatch("run", "--source", "demo", "--set", "web.serve=true", "--set", "privacy.aggregate=true")
    assert (done.returncode, done.stderr.count("\n")) == (78, 1)
    assert done.stderr.startswith("maskwatch: web.serve: privacy.aggregate")


def test_tls_requires_host_names_and_a_private_key(tmp_path):
    pair = signed(tmp_path, "device", authority(tmp_path, "ca"))
    files = (f"web.tls_cert={pair.cert}", f"web.tls_key={pair.key}", "web.host=0.0.0.0")
    with pytest.raises(ConfigError, match=r"web\.hosts"):
        binding.check(settings(*files))
    binding.check(settings(*files, 'web.hosts=["device.example"]'))
    pair.key.chmod(0o644)
    with pytest.raises(ConfigError, match=r"web\.tls_key.*everybody may read it; fix: chmod o-rwx"):
        binding.check(settings(*files, 'web.hosts=["device.example"]'))
    with pytest.raises(ConfigError, match="only one of them is set"):
        binding.check(settings(f"web.tls_cert={pair.cert}"))
    with pytest.raises(ConfigError, match=r"none\.key: No such file"):
        binding.check(settings("web.tls_cert=none.crt", "web.tls_key=none.key"))


def test_over_tls_the_cookie_is_secure(tmp_path, watch):
    ca = authority(tmp_path, "ca")
    pair = signed(tmp_path, "device", ca)
    site = Site(watch.scene, tmp_path, f"web.tls_cert={pair.cert}", f"web.tls_key={pair.key}")
    context = ssl.create_default_context(cafile=ca.cert)
    body = f"token={site.token}".encode()
    head = f"POST /login HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\nOrigin: https://127.0.0.1:{site.port}\r\n"
    head += f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    with (
        socket.create_connection(("127.0.0.1", site.port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
    ):
        secure.sendall(head.encode() + body)
        answer = b"".join(iter(lambda: secure.recv(4096), b"")).decode()
    site.end()
    assert answer.startswith("HTTP/1.1 303 ")
    assert "; secure" in answer.lower()


def test_the_served_names_are_the_address_this_machine_and_the_configured_ones():
    web = settings("web.host=::", 'web.hosts=["Device.example", "2001:db8::1"]')
    assert binding.hosts_of(web) == {"localhost", "127.0.0.1", "[::1]", "device.example", "[2001:db8::1]"}


def test_a_port_in_use_is_reported_in_one_sentence(tmp_path, site, watch):
    other = Site(watch.scene, tmp_path, f"web.port={site.port}", wait=False)
    out, _ = other.process.communicate(timeout=20)
    assert other.process.returncode == 78
    assert out.count("\n") == 1
    assert f"cannot listen on 127.0.0.1:{site.port}: Address already in use" in out


def test_the_service_itself_loads_no_web_server():
    loaded = (
        "import sys, edge.app.service; print([name for name in ('starlette', 'uvicorn', 'h11') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, env=environment(), check=True)
    assert done.stdout == "[]\n"


@pytest.mark.long
def test_a_connection_without_a_complete_request_is_closed(site):
    slow = socket.create_connection(("127.0.0.1", site.port), timeout=30)
    slow.sendall(b"GET /login HTTP/1.1\r\nHost: loc")
    with pytest.raises(ConnectionResetError):
        slow.recv(1)
    slow.close()


class TestRun:
    """`maskwatch run` with the page."""

    @pytest.fixture
    def run(self, tmp_path) -> Iterator[tuple]:
        from tests.support.service import Watch

        port = free_port()
        overrides = [f"web.port={port}", "web.serve=true", "mqtt.host=127.0.0.1", f"mqtt.port={free_port()}"]
        homes = {"XDG_RUNTIME_DIR": str(tmp_path), "XDG_STATE_HOME": str(tmp_path)}
        watch = Watch("--source", "demo", *[argument for pair in overrides for argument in ("--set", pair)], **homes)
        yield watch, port
        if watch.process.poll() is None:
            watch.end()

    def test_the_page_starts_and_ends_with_the_service(self, run, tmp_path):
        watch, port = run
        assert eventually(lambda: answers(port), 30)
        assert {path.name for path in tmp_path.glob("scene.*")} == {"scene.sock", "scene.web", "scene.day"}
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as feed:
            feed.settimeout(30)
            feed.connect(str(tmp_path / "scene.day"))
            parts = json.loads(feed.recv(MESSAGE_BYTES))
        assert parts["drift"]["state"] == "learning"
        code, _, err = watch.end()
        assert code == 0, err
        assert not answers(port)
        assert "Traceback" not in err
        assert list(tmp_path.glob("scene.*")) == []

    def test_the_page_ends_when_the_service_is_killed(self, run):
        watch, port = run
        assert eventually(lambda: answers(port), 30)
        os.kill(watch.process.pid, signal.SIGKILL)
        watch.process.wait()
        assert eventually(lambda: not answers(port), 10)

    def test_no_face_reaches_the_page(self, run, tmp_path):
        from edge.show.shared_scene import SceneReader

        assert eventually(lambda: answers(run[1]), 30)
        reader = SceneReader(tmp_path / "scene.web")
        image = None
        while image is None:
            scene = reader.newest(5)
            image = None if scene is None else scene[0]
        reader.close()
        steps = np.abs(np.diff(image.astype(int), axis=1)).max(2).max(0)
        assert np.count_nonzero(steps) <= 64
