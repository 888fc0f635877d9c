"""Why a camera delivers nothing: one sentence per cause, none with a password."""

from __future__ import annotations

import hashlib
import re
import socket
import socketserver
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from edge.capture import probe
from edge.capture.opencv import open_stream, open_usb
from edge.errors import CameraError


class Http(BaseHTTPRequestHandler):
    """A camera's web server: the path is the status, /page a web page, /silent nothing for long."""

    def do_GET(self):
        if self.path == "/silent":
            self.server.release.wait(10)
            return
        status = int(self.path[1:]) if self.path[1:].isdecimal() else 200
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(b"<html>Log in</html>")

    def log_message(self, *_):
        """Write no log."""


class Rtsp(socketserver.StreamRequestHandler):
    """A camera that asks for a digest login of user and pa:ss, knows /live alone, and speaks no more than DESCRIBE."""

    def handle(self):
        while request := self.rfile.readline().decode():
            _, uri, _ = request.split()
            headers = {}
            while line := self.rfile.readline().decode().strip():
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            self.wfile.write(f"RTSP/1.0 {self.answer(uri, headers)}\r\n\r\n".encode())

    def answer(self, uri: str, headers: dict[str, str]) -> str:
        given = dict(re.findall(r'(\w+)="([^"]*)"', headers.get("authorization", "")))
        secret, asked = (hashlib.md5(t.encode()).hexdigest() for t in ("user:cam:pa:ss", f"DESCRIBE:{uri}"))
        if given.get("response") != hashlib.md5(f"{secret}:n1:{asked}".encode()).hexdigest():
            return '401 Unauthorized\r\nWWW-Authenticate: Digest realm="cam", nonce="n1"'
        return "200 OK\r\nContent-Type: application/sdp" if uri.endswith("/live") else "404 Not Found"


@contextmanager
def serving(server):
    server.release = threading.Event()
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.release.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("401", r"requires a user and a password \(401\); fix: set camera.user"),
        ("403", r"refuses this user \(403\)"),
        ("404", r"has no such path \(404\)"),
        ("418", "answers with status 418"),
        ("page", "the address is a web page, not a stream"),
        ("silent", "no answer in time"),
    ],
)
def test_the_reason_of_a_web_server_without_a_stream_follows_from_its_answer(path, why):
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Http)) as port, pytest.raises(CameraError, match=why) as caught:
        open_stream(f"http://127.0.0.1:{port}/{path}", open_timeout_s=1, read_timeout_s=1)
    assert f"http://127.0.0.1:{port}/{path}: cannot be opened: " in str(caught.value)


@pytest.mark.parametrize(
    ("login", "path", "why"),
    [
        ("", "live", "requires a user and a password"),
        ("user:wrong@", "live", "refuses this user or password"),
        ("user:pa%3Ass@", "none", "has no such path"),
        ("user:pa%3Ass@", "live", "answers with application/sdp, but no video could be decoded"),
    ],
)
def test_an_rtsp_camera_is_asked_with_the_login_scheme_that_it_requires(login, path, why):
    with serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Rtsp)) as port:
        reason = probe.why_not(f"rtsp://{login}127.0.0.1:{port}/{path}", 2)
    assert why in reason
    assert "ss@" not in reason
    assert "pa:ss" not in reason
    assert "wrong" not in reason


def test_a_port_where_nobody_listens_and_a_name_that_nobody_has():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert "connection refused" in probe.why_not(f"rtsp://127.0.0.1:{port}/s", 1)
    assert "no such host" in probe.why_not("rtsp://no-such-host.invalid/s", 1)
    assert "has no host" in probe.why_not("rtsp:///s", 1)


def test_something_that_is_no_camera_at_all():
    class Ssh(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.sendall(b"SSH-2.0-OpenSSH_9\r\n\r\n")

    with serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Ssh)) as port:
        assert "is not a camera" in probe.why_not(f"rtsp://127.0.0.1:{port}/s", 1)
        assert "is not a camera" in probe.why_not(f"http://127.0.0.1:{port}/s", 1)
        assert "TLS failed" in probe.why_not(f"https://127.0.0.1:{port}/s", 1)


def test_a_missing_usb_camera_and_a_device_that_is_no_camera(tmp_path):
    with pytest.raises(CameraError, match="no such camera is connected; fix: connect it"):
        open_usb("63", width_px=640, height_px=480, fps_hz=10)
    (tmp_path / "video").touch()
    assert "it delivers no images" in probe.why_no_device(tmp_path / "video")
