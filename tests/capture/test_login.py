"""A network camera's user and password: in a file of their own, and at the camera as they were meant."""

from __future__ import annotations

import base64
import hashlib
import re
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.capture.login import is_stream, password_of, with_login, without_login
from edge.capture.opencv import open_stream
from edge.capture.preprocess import untouched
from edge.capture.spec import open_source
from edge.errors import CameraError, ConfigError
from edge.settings.load import load
from tests.support.fakes import eventually
from tests.support.login_camera import BASIC, DIGEST, Camera
from tests.support.program import maskwatch

NOWHERE = Path("/nonexistent/config.toml")


@pytest.fixture
def camera(request):
    with Camera(request.param) as server:
        yield server
        server.shutdown()


def settings_of(source: str, *overrides: str):
    return load(overrides=[f"camera.source={source}", *overrides], system_file=NOWHERE).settings.camera


def written(folder: Path, password: str) -> Path:
    path = folder / "camera-password"
    path.write_text(f"{password}\n", "utf-8")
    path.chmod(0o600)
    return path


NO_SURROGATES = st.characters(exclude_categories=("Cs",))
PASSWORDS = ["hush", "p@ss:w/o?r#d", "100%", "a b+c&d=e", "pä→", "'\"\\;", "%41"]


@pytest.mark.parametrize("camera", [BASIC], indirect=True)
@pytest.mark.parametrize("scheme", ["rtsp", "http", "RTSP"])
def test_every_password_reaches_the_camera_exactly_as_in_its_file(camera, scheme, tmp_path):
    for password in PASSWORDS:
        file = written(tmp_path, password)
        settings = settings_of(
            f"{scheme}://127.0.0.1:{camera.port}/s", "camera.user=me", f"camera.password_file={file}"
        )
        with pytest.raises(CameraError):
            open_stream(with_login(settings, password_of(settings)), open_timeout_s=3, read_timeout_s=3)
        _, answer = camera.answers[-1]
        assert base64.b64decode(answer.partition(" ")[2]).decode() == f"me:{password}"


@pytest.mark.parametrize("camera", [DIGEST], indirect=True)
def test_a_digest_uses_the_password_exactly_as_in_its_file(camera, tmp_path):
    """Most cameras ask for a digest. Source: RFC 2617, 3.2.2."""
    for password in PASSWORDS:
        file = written(tmp_path, password)
        settings = settings_of(f"rtsp://127.0.0.1:{camera.port}/s", "camera.user=me", f"camera.password_file={file}")
        with pytest.raises(CameraError):
            open_stream(with_login(settings, password_of(settings)), open_timeout_s=3, read_timeout_s=3)
        method, answer = camera.answers[-1]
        fields = dict(re.findall(r'(\w+)="([^"]*)"', answer))
        both = (f"me:camera:{password}", f"{method}:{fields['uri']}")
        who, what = (hashlib.md5(text.encode()).hexdigest() for text in both)
        assert fields["response"] == hashlib.md5(f"{who}:4e6f:{what}".encode()).hexdigest()


@pytest.mark.parametrize("camera", [BASIC], indirect=True)
def test_a_new_password_in_the_file_is_taken_at_the_next_attempt(camera, tmp_path):
    file = written(tmp_path, "old")
    settings = settings_of(
        f"rtsp://127.0.0.1:{camera.port}/s", "camera.user=me", f"camera.password_file={file}", "camera.retry_max_s=0.2"
    )
    stop = threading.Event()
    source = open_source(settings, small_px=(320, 256), stop=stop, paint=untouched)
    walk = threading.Thread(target=list, args=(source,))
    walk.start()
    try:
        assert eventually(lambda: camera.answers, 20)
        written(tmp_path, "new")
        right = base64.b64encode(b"me:new").decode()
        assert eventually(lambda: camera.answers[-1][1].endswith(right), 20)
    finally:
        source.close()
        walk.join(10)


@pytest.mark.parametrize(
    ("source", "overrides", "sentence"),
    [
        ("rtsp://h/s", ["camera.password_file=/x"], "camera.password_file: is set without camera.user"),
        ("rtsp://u@h/s", ["camera.user=me"], "camera.user: camera.source contains a user, too"),
        ("rtsp://u:p@h/s", ["camera.user=me"], "camera.user: camera.source contains a user, too"),
        (
            "rtsp://h/s",
            ["camera.user=me", "camera.password_file=/nonexistent/x"],
            "camera.password_file: /nonexistent/x",
        ),
        ("rtsp://h/s", ["camera.user=me", "camera.password_file={open}"], "everybody may read it; fix: chmod o-rwx"),
        ("rtsp://h/s", ["camera.user=me", "camera.password_file={long}"], "longer than the 127 bytes"),
        ("rtsp://h/s", ["camera.user=a:b"], "camera.user"),
    ],
)
def test_what_cannot_work_is_one_sentence_and_78(tmp_path, source, overrides, sentence):
    files = {name: tmp_path / name for name in ("open", "long")}
    for name, mode in (("open", 0o644), ("long", 0o600)):
        files[name].write_text("p" * (130 if name == "long" else 5))
        files[name].chmod(mode)
    words = [word for text in overrides for word in ("--set", text.format(**files))]
    done = maskwatch("run", "--headless", "--source", source, *words)
    assert (done.returncode, done.stderr.count("\n")) == (78, 1), done.stderr
    assert sentence in done.stderr
    assert "ppppp" not in done.stderr


def test_settings_of_a_network_camera_do_no_harm_to_another(tmp_path):
    settings = settings_of("demo", "camera.user=me", "camera.password_file=/nonexistent/x")
    open_source(settings, small_px=(320, 256), stop=threading.Event(), paint=untouched).close()
    assert with_login(settings, "p") == "demo"


def test_the_service_gets_the_password_as_a_credential(tmp_path, monkeypatch):
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    settings = settings_of("rtsp://h/s", "camera.user=me")
    assert password_of(settings) == ""
    written(tmp_path, "hush")
    assert with_login(settings, password_of(settings)) == "rtsp://me:hush@h/s"


@given(st.text(NO_SURROGATES, min_size=1).filter(lambda text: ":" not in text), st.text(NO_SURROGATES))
def test_what_is_put_into_an_address_can_be_taken_out_again(user, password):
    settings = settings_of("rtsp://h:554/s").model_copy(update={"user": user})
    try:
        address = with_login(settings, password)
    except ConfigError as error:
        assert "longer" in str(error)
        return
    assert without_login(address) == ("rtsp://h:554/s", user, password)


@pytest.mark.parametrize(("spec", "one"), [("rtsp://h", True), ("RTSPS://h", True), ("usb:0", False), ("x.mp4", False)])
def test_network_cameras_are_recognised_by_their_scheme(spec, one):
    assert is_stream(spec) is one
