"""Inputs at an address, from a real web server and a real S3 server on this machine."""

from __future__ import annotations

import functools
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.batch import remote
from edge.batch.remote import Remote, fetched, is_address, located, version_of
from edge.errors import CameraError, EdgeError, InputError, Unavailable
from edge.redaction import file_address
from tests.support.ports import free_port
from tests.support.program import ROOT, maskwatch

pytest.importorskip("s3fs", reason="the extra remote is not installed")
pytest.importorskip("aiohttp", reason="the extra remote is not installed")
KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "hush", "AWS_DEFAULT_REGION": "us-east-1"}


class Files(http.server.SimpleHTTPRequestHandler):
    """Serves files, and errors at `/401`, `/503` and `/short.jpg`."""

    def do_GET(self):
        name = self.path.partition("?")[0][1:]
        if name == "short.jpg":
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"\xff\xd8\xff")
        elif name.isdigit():
            self.send_error(int(name))
        else:
            super().do_GET()

    def log_message(self, *_):
        """Keep quiet."""


@pytest.fixture
def web(tmp_path) -> Iterator[str]:
    (tmp_path / "served").mkdir()
    (tmp_path / "served/a b.jpg").write_bytes(b"an image")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Files, directory=tmp_path / "served"))
    threading.Thread(target=server.serve_forever, name="web", daemon=True).start()
    yield f"http://user:hush@127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    moto = pytest.importorskip("moto.server", reason="moto is not installed")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def bucket(s3, monkeypatch) -> Iterator[str]:
    import s3fs

    for name, value in {**KEYS, "AWS_ENDPOINT_URL": s3}.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    system = s3fs.S3FileSystem()
    if not system.exists("archive"):
        system.mkdir("archive")
    for name in ("day/b.jpg", "day/a 1.jpg", "other.jpg"):
        system.pipe(f"archive/{name}", name.encode())
    yield "s3://archive"
    s3fs.S3FileSystem.clear_instance_cache()


def error_of(address: str) -> EdgeError:
    with pytest.raises(EdgeError) as caught, fetched(Remote(address)):
        pass
    assert "hush" not in str(caught.value)
    return caught.value


def test_a_file_of_a_web_server_is_fetched_and_deleted_after_use(web):
    with fetched(Remote(f"{web}/a%20b.jpg?token=hush")) as copy:
        assert (copy.name, copy.read_bytes()) == ("a b.jpg", b"an image")
    assert not copy.parent.exists()


def test_an_object_of_a_bucket_is_fetched(bucket):
    with fetched(Remote(f"{bucket}/day/a 1.jpg")) as copy:
        assert (copy.name, copy.read_bytes()) == ("a 1.jpg", b"day/a 1.jpg")


def test_a_folder_of_a_bucket_is_its_files_by_name(bucket):
    assert [str(found) for found in located(f"{bucket}/day/")] == [f"{bucket}/day/a 1.jpg", f"{bucket}/day/b.jpg"]
    with pytest.raises(InputError, match="s3://archive/night/: has no file"):
        located(f"{bucket}/night/")


def test_the_version_changes_with_the_content(bucket):
    import s3fs

    before = version_of(Remote(f"{bucket}/other.jpg"))
    assert before == version_of(Remote(f"{bucket}/other.jpg"))
    s3fs.S3FileSystem().pipe("archive/other.jpg", b"another")
    assert version_of(Remote(f"{bucket}/other.jpg")) != before


def test_what_is_not_there_or_may_not_be_read_is_a_bad_input(web, bucket):
    plain = web.replace("user:hush@", "")
    for address, sentence in {
        f"{bucket}/none.jpg": f"{bucket}/none.jpg: no such file",
        "s3://no-bucket/a.jpg": "s3://no-bucket/a.jpg: no such file",
        f"{web}/none.jpg?key=hush": f"{plain}/none.jpg: no such file",
        f"{web}/401": f"{plain}/401: these credentials may not read it, or there are none",
        f"{web}/503": f"{plain}/503: the server answers with an error; fix: try again later",
        f"{web}/short.jpg": f"{plain}/short.jpg: could not be read to its end (ClientPayloadError)",
    }.items():
        error = error_of(address)
        assert (type(error), str(error)) == (CameraError, sentence)


def test_an_error_about_the_copy_is_one_about_the_address(web):
    with pytest.raises(CameraError, match=r"^http://127[^ ]*/a%20b.jpg: is not an image$"):
        read_badly(f"{web}/a%20b.jpg")


def read_badly(address: str) -> None:
    with fetched(Remote(address)) as copy:
        raise CameraError(f"{copy}: is not an image")


def test_a_server_that_does_not_answer_ends_the_batch():
    error = error_of(f"http://127.0.0.1:{free_port()}/a.jpg")
    assert isinstance(error, Unavailable)
    assert str(error).endswith("/a.jpg: the server does not answer; fix: check the network, and run the command again")


def test_without_credentials_it_names_the_fix(bucket, monkeypatch):
    import s3fs

    for name in KEYS:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", "/nonexistent")
    s3fs.S3FileSystem.clear_instance_cache()
    error = error_of(f"{bucket}/other.jpg")
    assert isinstance(error, Unavailable)
    assert (
        str(error) == f"{bucket}/other.jpg: no credentials; fix: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and its secret"
    )


def test_a_file_that_does_not_fit_is_not_fetched(web, monkeypatch):
    monkeypatch.setattr(remote.shutil, "disk_usage", lambda _: _Disk())
    assert "has 0.0 MB, and " in str(error_of(f"{web}/a%20b.jpg"))


class _Disk:
    free = 3


def test_without_the_extra_it_names_the_fix(tmp_path, monkeypatch):
    monkeypatch.setattr(remote.importlib, "import_module", _no_module)
    error = error_of("s3://archive/a.jpg")
    assert isinstance(error, Unavailable)
    assert str(error).endswith("fix: pip install 'maskwatch[remote]'")


def _no_module(name: str) -> None:
    raise ModuleNotFoundError(name)


def test_a_file_address_is_a_path():
    assert located("file:///a%20b/c.jpg") == [Path("/a b/c.jpg")]


@pytest.mark.parametrize("address", ["rtsp://u:hush@cam/live", "ftp://host/a.jpg"])
def test_another_scheme_is_refused(address):
    with pytest.raises(InputError, match="not an address of a file") as caught:
        located(address)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s3://b/k", True),
        ("HTTPS://h/a", True),
        ("file:///a", True),
        ("a.jpg", False),
        ("/a://b", False),
        ("s3:", False),
    ],
)
def test_an_address_is_recognised_by_its_scheme(text, expected):
    assert is_address(text) is expected


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        (
            "https://u:p@host:8443/dir/IMG_20240101_123456.jpg?X-Amz-Signature=1#f",
            "https://host:8443/dir/IMG_20240101_123456.jpg",
        ),
        ("s3://bucket/a b/c@2x.jpg", "s3://bucket/a b/c@2x.jpg"),
        ("https://u:p/w@host/a.jpg", "https://***"),
    ],
)
def test_an_address_is_named_without_its_secrets(address, shown):
    assert file_address(address) == shown


def test_the_libraries_are_no_part_of_the_product():
    required = (ROOT / "setup.py").read_text().partition("install_requires")[2].partition("extras_require")[0]
    assert not {"fsspec", "s3fs", "pyarrow"} & set(required.replace('"', " ").replace(">", " ").split())


def test_detect_classifies_what_lies_on_servers_under_its_address(web, bucket, demo_picture, demo_video, tmp_path):
    import s3fs

    s3fs.S3FileSystem().put(str(demo_video), "archive/film/clip.mp4")
    (tmp_path / "served/street.png").write_bytes(demo_picture.read_bytes())
    inputs = (demo_picture, f"{web}/street.png?key=hush", f"{web}/a%20b.jpg", f"{bucket}/film/", f"{bucket}/none.jpg")
    outputs = ("--json", tmp_path / "o.jsonl", "--annotate", tmp_path / "drawn", "--summary", tmp_path / "page.html")
    copies = tmp_path / "copies"
    copies.mkdir()
    done = maskwatch("detect", *inputs, "--every", 4, "--verbose", *outputs, TMPDIR=str(copies))
    plain = web.replace("user:hush@", "")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-2:] == [
        f"maskwatch: {plain}/a%20b.jpg: is not an image that OpenCV can read",
        f"maskwatch: {bucket}/none.jpg: no such file",
    ]
    rows = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()]
    assert [row["source"] for row in rows[:2]] == [str(demo_picture), f"{plain}/street.png"]
    assert rows[0]["faces"] == rows[1]["faces"] != []
    assert {row["source"] for row in rows[2:]} == {f"{bucket}/film/clip.mp4"}
    assert sorted(path.name for path in (tmp_path / "drawn").iterdir()) == ["clip.mp4", "street.jpg", "street_2.jpg"]
    assert f'href="{plain}/street.png"' in (tmp_path / "page.html").read_text()
    assert "hush" not in done.stderr
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or b"hush" not in path.read_bytes(), path
    assert list(copies.iterdir()) == []


def test_two_addresses_with_one_name_are_refused(web):
    done = maskwatch("detect", f"{web}/a.jpg?version=1", f"{web}/a.jpg?version=2")
    assert done.returncode == 66
    assert "is given twice, with different queries" in done.stderr
