"""No secret of any setting is printed, logged, published or shown, whatever its characters."""

from __future__ import annotations

import html
import json
import logging
import threading
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, example, given, settings
from typer.testing import CliRunner

from edge.app.web import page_sources
from edge.capture.login import is_stream
from edge.capture.preprocess import untouched
from edge.capture.spec import open_source
from edge.cli import app
from edge.doctor import camera as camera_checks
from edge.doctor import service
from edge.doctor.host import Host
from edge.errors import EdgeError
from edge.privacy import signage
from edge.privacy.signage_text import Language
from edge.publish.broker import broker_of
from edge.settings.load import lay_over, load
from edge.settings.redact import fingerprint, redacted_settings
from tests.support.fakes import eventually
from tests.support.login_camera import BASIC, Camera
from tests.support.mosquitto import Mosquitto
from tests.support.pages import Site, next_event
from tests.support.secret_settings import HEAD, SECRETS, TAIL, WAYS
from tests.support.service import Ear, Watch

NOWHERE = Path("/nonexistent/config.toml")
PUBLISHER = SimpleNamespace(outbox=SimpleNamespace(waits=lambda _key: False))
BROKER = "mqtt://me:{}@broker"
many = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def holds_none(output: str) -> bool:
    """Return whether a text contains neither end of a secret, in any spelling."""
    return not any(end in text for end in (HEAD, TAIL) for text in (output, html.unescape(output), unquote(output)))


def sentence_of(call, *arguments, **more) -> str:
    """Return the result of a call, or its error."""
    try:
        return repr(call(*arguments, **more))
    except EdgeError as error:
        return f"{error} {error.__cause__}"


def source_output(made) -> str:
    """Return all that a source reveals without being opened."""
    source = open_source(made.camera, small_px=(320, 256), stop=threading.Event(), paint=untouched)
    output = f"{source!r} {vars(source)} {source.detail}" if not is_stream(made.camera.source) else source.name
    output += source._thread.name
    source.close()
    return output


@many
@given(WAYS, SECRETS)
def test_nothing_that_is_made_from_settings_shows_a_secret(way, secret):
    before = load(system_file=NOWHERE).settings
    made = lay_over(before, {"camera.source": way.format(secret), "mqtt.host": BROKER.format(secret)}, "test")
    for output in (
        signage.data_sheet(made, {}),
        signage.sign(made, Language.EN),
        json.dumps(page_sources(made, None, PUBLISHER, {}, lambda: None).fixed, ensure_ascii=False),
        fingerprint(made),
        camera_checks.camera(Host(run=lambda _: SimpleNamespace(out="")), made).text,
        service.broker(made).text,
        sentence_of(broker_of, made.mqtt, "client"),
        sentence_of(source_output, made),
    ):
        assert holds_none(output), output


@many
@given(WAYS, SECRETS)
@example("rtsp://{}:x@camera:554/s", f"{HEAD}={TAIL}")
def test_no_error_about_settings_shows_a_secret(way, secret):
    source = way.format(secret)
    for wrong in (
        {"overrides": [f"camera.width_px={source}"]},
        {"overrides": [f"camera.source=[{json.dumps(source)}]"]},
        {"overrides": [source]},
        {"overrides": [f"camera.{source}"]},
        {"overrides": [f"camera.{source}=1"]},
        {"overrides": [f"mqtt.password={source}"]},
    ):
        output = sentence_of(lambda wrong=wrong: redacted_settings(load(**wrong, system_file=NOWHERE).settings))
        assert holds_none(output), (wrong, output)


@settings(many, max_examples=15)
@given(WAYS, SECRETS)
@example("http://camera/video?{}", f"{HEAD}@/?#:&={TAIL}")
def test_check_shows_no_secret(tmp_path, way, secret):
    file = tmp_path / "config.toml"
    written = [json.dumps(way.format(secret), ensure_ascii=False) for way in (way, BROKER)]
    file.write_text("[camera]\nsource = {}\n[mqtt]\nhost = {}\n".format(*written), "utf-8")
    file.chmod(0o600)
    wide = {"COLUMNS": "3000", "NO_COLOR": "1"}
    done = CliRunner().invoke(app, ["check", "--config", str(file)], env=wide)
    output = done.output + str(done.exception or "")  # a user or password in mqtt.host is refused after the table
    assert ("camera.source" in output, holds_none(output)) == (True, True), output
    assert done.exception is None or "mqtt.host: " in output


@many
@given(SECRETS)
def test_a_secret_in_a_file_is_shown_nowhere(tmp_path, caplog, secret):
    file = tmp_path / "password"
    file.write_text(secret, "utf-8")
    file.chmod(0o600)
    caplog.set_level(logging.DEBUG)
    named = {"camera.source": "rtsp://127.0.0.1:9/s", "camera.user": "me", "camera.password_file": str(file)}
    named |= {"mqtt.host": "broker", "mqtt.user": "me", "mqtt.password_file": str(file)}
    made = lay_over(load(system_file=NOWHERE).settings, named, "test")
    output = [repr(broker_of(made.mqtt, "client")), sentence_of(source_output, made), fingerprint(made), repr(made)]
    output += [
        json.dumps(page_sources(made, None, PUBLISHER, {}, lambda: None).fixed),
        signage.data_sheet(made, {}),
        caplog.text,
    ]
    assert broker_of(made.mqtt, "client").password == secret
    assert all(map(holds_none, output)), output


@pytest.fixture
def camera():
    with Camera(BASIC) as server:
        yield server
        server.shutdown()


@pytest.mark.parametrize(
    "section",
    [
        'source = "rtsp://me:Zq7f@x@k9Xw@127.0.0.1:{port}/s"',
        'source = "rtsp://me:Zq7f%40k9Xw@127.0.0.1:{port}/s"',
        'source = "rtsp://me:Zq7f/x@k9Xw@127.0.0.1:{port}/s"',
        'source = "http://127.0.0.1:{port}/video?user=me&password=Zq7f&key=k9Xw"',
        'source = "rtsp://127.0.0.1:{port}/user=me&password=Zq7f/k9Xw&channel=1"',
        'source = "rtsp://127.0.0.1:{port}/s"\nuser = "me"\npassword_file = "{file}"',
    ],
)
def test_a_running_service_shows_no_secret_in_log_topics_page_and_process_list(tmp_path, camera, section):
    """With a camera that refuses the password, a broker, a subscriber to all topics, and a technician at the page."""
    file, config, scene = tmp_path / "secret", tmp_path / "config.toml", tmp_path / "scene.sock"
    for path, text in ((file, "Zq7f:x/k9Xw\n"), (config, f"[camera]\n{section.format(port=camera.port, file=file)}\n")):
        path.write_text(text)
        path.chmod(0o600)
    broker = Mosquitto(tmp_path)
    broker.start()
    ear = Ear(broker.port)
    options = ("mqtt.host=127.0.0.1", f"mqtt.port={broker.port}", "log.level=debug", f"show.socket={scene}")
    more = [word for option in options for word in ("--set", option)]
    watch = Watch("--config", config, *more, "--headless")
    assert eventually(lambda: ear.of("problem/camera") and ear.of("stats") and scene.exists(), 40)
    site = Site(scene, tmp_path / "state")
    page = []
    with site.stream("/events", site.log_in()) as news:
        while {name for name, _ in page} < {"state", "settings"}:
            page.append(next_event(news))
    lines = [path.read_bytes().decode() for path in Path("/proc").glob("[0-9]*/cmdline") if str(config) in _text(path)]
    _, page_log = site.end()
    code, out, err = watch.end()
    broker.stop()
    output = [f"{topic} {payload.decode('utf-8', 'replace')}" for topic, payload, _ in ear.heard]
    ear.close()
    assert (code, lines != []) == (0, True)
    assert "offline: " in json.loads(ear.of("problem/camera")[-1])["text"]
    for text in (*output, *map(str, page), *lines, page_log, out, err):
        assert holds_none(text), text


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except OSError:  # it has just ended
        return ""
