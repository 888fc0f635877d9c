"""Bundles come from files, folders and https addresses; nothing else and nothing endless."""

from __future__ import annotations

import ssl
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from edge.errors import EdgeError, InputError, ModelError
from edge.registry import origin
from edge.registry.origin import opened
from tests.support.certificates import authority, signed


def content_of(name) -> tuple[bytes, str]:
    with opened(str(name)) as (stream, shown):
        return stream.read(), shown


def test_a_file_and_a_folder_with_one_bundle_are_opened(tmp_path):
    file = tmp_path / "7.maskwatch"
    file.write_bytes(b"content")
    (tmp_path / "other.txt").write_bytes(b"x")
    assert content_of(file) == content_of(tmp_path) == (b"content", str(file))


def test_a_folder_with_several_or_none_asks_for_a_name(tmp_path):
    with pytest.raises(InputError, match=r"holds no bundle, a file that ends in .maskwatch"):
        content_of(tmp_path)
    for name in ("a.maskwatch", "b.maskwatch"):
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=r"name one of a.maskwatch, b.maskwatch"):
        content_of(tmp_path)
    with pytest.raises(InputError, match=r"c.maskwatch: No such file"):
        content_of(tmp_path / "c.maskwatch")


@pytest.mark.parametrize("url", ["http://models.example/7.maskwatch", "ftp://models.example/7", "file:///etc/passwd"])
def test_what_is_not_encrypted_is_refused_before_it_is_opened(url):
    with pytest.raises(ModelError, match=r"is not encrypted; fix: use https"):
        content_of(url)


class Server(BaseHTTPRequestHandler):
    def do_GET(self):
        place = {"/plain": "http://127.0.0.1:9/", "/again": "/bundle"}.get(self.path)
        self.send_response(302 if place else 404 if self.path == "/none" else 200)
        if place:
            self.send_header("Location", place)
        self.end_headers()
        if not place:
            self.wfile.write(b"x" * 3_000)

    def log_message(self, *_arguments):
        pass


@pytest.fixture(scope="module")
def trusted(tmp_path_factory):
    """Return the address of a server, and the file with the authority that signed its certificate."""
    folder = tmp_path_factory.mktemp("https")
    root = authority(folder, "root")
    leaf = signed(folder, "server", root)
    server = HTTPServer(("127.0.0.1", 0), Server)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(leaf.cert, leaf.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, name="https", daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{server.server_address[1]}", str(root.cert)
    server.shutdown()
    server.server_close()
    thread.join(5)


def test_an_https_address_is_downloaded_also_after_a_redirect(trusted, monkeypatch):
    address, root = trusted
    monkeypatch.setenv("SSL_CERT_FILE", root)
    assert content_of(f"{address}/bundle")[0] == content_of(f"{address}/again")[0] == b"x" * 3_000


@pytest.mark.parametrize(
    ("path", "sentence"),
    [("/plain", r"http://127.0.0.1:9/: is not encrypted"), ("/none", "cannot be downloaded: HTTP Error 404")],
)
def test_a_redirect_to_plain_http_and_a_missing_file_are_refused(trusted, monkeypatch, path, sentence):
    address, root = trusted
    monkeypatch.setenv("SSL_CERT_FILE", root)
    with pytest.raises(EdgeError, match=sentence):
        content_of(f"{address}{path}")


def test_a_server_with_an_unknown_certificate_is_refused(trusted, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with pytest.raises(InputError, match=r"cannot be downloaded: .*certificate verify failed"):
        content_of(f"{trusted[0]}/bundle")


def test_more_than_a_bundle_can_be_and_a_server_that_never_ends_are_refused(trusted, monkeypatch):
    address, root = trusted
    monkeypatch.setenv("SSL_CERT_FILE", root)
    monkeypatch.setattr(origin, "MOST_BYTES", 2_000)
    with pytest.raises(ModelError, match=r"is larger than"):
        content_of(f"{address}/bundle")
    monkeypatch.setattr(origin, "MOST_BYTES", 10_000)
    monkeypatch.setattr(origin, "_WHOLE_S", -1.0)
    with pytest.raises(InputError, match=r"has not arrived within"):
        content_of(f"{address}/bundle")
