"""What production refuses by name and with the fix, what no environment accepts, and what is never refused."""

from __future__ import annotations

import os
import re
import shutil
import signal
from pathlib import Path

import pytest

from edge.app import safety
from edge.app.commands import build_commands
from edge.app.validation import check
from edge.errors import ConfigError
from edge.settings.load import load
from edge.settings.schema import Environment
from tests.support.fakes import eventually
from tests.support.mosquitto import Mosquitto
from tests.support.program import ROOT, maskwatch
from tests.support.service import Ear, Watch, on
from tests.support.settings import NOWHERE

SAFE = ("mqtt.host=127.0.0.1",)
REMOTE = "mqtt.host=broker.example"
ONLY_PRODUCTION = [
    ("camera.source", ["camera.source=demo"], "shows drawn people"),
    ("camera.source", ["camera.source=auto"], "shows drawn people"),
    ("camera.source", ["camera.source={file}"], "is a recording"),
    ("camera.source", ["camera.source={folder}"], "is a recording"),
    ("mqtt.outbox", ["mqtt.outbox=memory"], "loses the alerts"),
    ("mqtt.outbox", ["mqtt.outbox=/run/maskwatch/outbox.db"], "loses the alerts"),
    ("mqtt.outbox", ["mqtt.outbox=/dev/shm/outbox.db"], "loses the alerts"),
    ("models.signature", ["models.signature=optional"], "lets models in whose origin nobody vouches for"),
    ("mqtt.commands", [REMOTE, "mqtt.commands=on"], "lets everybody who reaches the broker command"),
    ("mqtt.password_file", ["mqtt.user=stop-7"], "everybody may read {passwords}/mqtt-password"),
    ("camera.password_file", ["camera.source=rtsp://c/s", "camera.user=u"], "everybody may read {passwords}/camera-p"),
]
EVERYWHERE = [
    ("mqtt.host", ["mqtt.host=mqtt://broker.example"], "write mqtts://, or set mqtt.tls=off to confirm it"),
    ("mqtt.host", ["mqtt.host=ws://broker.example"], "write wss://, or set mqtt.tls=off to confirm it"),
    ("web.host", ["web.host=0.0.0.0"], "without TLS anybody on the network can read the token"),
    ("web.host", ["web.host=192.0.2.7", "web.serve=true"], "without TLS anybody on the network can read the token"),
    ("mqtt.password_file", ["mqtt.user=u", "mqtt.password_file={public}"], "everybody may read it; fix: chmod"),
    ("mqtt.key_file", ["mqtt.cert_file={public}", "mqtt.key_file={public}"], "everybody may read it; fix: chmod"),
    ("web.tls_key", ["web.tls_cert={public}", "web.tls_key={public}"], "everybody may read it; fix: chmod"),
    ("web.token_file", ["web.serve=true", "web.token_file={public}"], "everybody may read it; fix: chmod"),
    (
        "camera.password_file",
        ["camera.source=rtsp://c/s", "camera.user=u", "camera.password_file={public}"],
        "everybody may read it; fix: chmod",
    ),
]
SAFE_INSTALLS = {
    "a broker on this machine": [],
    "a broker elsewhere, over TLS": [REMOTE],
    "plain text to a broker elsewhere, on purpose": [REMOTE, "mqtt.tls=off"],
    "commands where the broker knows the device": [REMOTE, "mqtt.user=stop-7", "mqtt.commands=on"],
    "shares of many people, of whom nothing is kept": ["mqtt.outbox=memory", "privacy.aggregate=true"],
    "an outbox on another disk": ["mqtt.outbox=/var/lib/other/outbox.db"],
    "a camera that is named": ["camera.source=usb:63"],
    "a network camera": ["camera.source=rtsp://camera.example/s"],
    "a pipe that a camera's program fills": ["camera.source={pipe}"],
    "the page for this machine": ["web.serve=true"],
    "the service's passwords, for its group": ["mqtt.user=stop-7"],
}


@pytest.fixture
def names(tmp_path, demo_video, demo_picture, monkeypatch) -> dict[str, Path]:
    """Return what the settings name, and let the service's passwords be in a folder of this test."""
    found = {
        "file": demo_video,
        "folder": tmp_path / "images",
        "public": tmp_path / "public",
        "pipe": tmp_path / "pipe",
    }
    found["passwords"] = tmp_path / "etc"
    for folder in ("folder", "passwords"):
        found[folder].mkdir()
    shutil.copy(demo_picture, found["folder"])
    found["public"].write_text("correct-horse-battery\n")
    found["public"].chmod(0o644)
    os.mkfifo(found["pipe"])
    monkeypatch.setattr(safety, "SERVICE_PASSWORDS", found["passwords"])
    return found


def passwords(names: dict[str, Path], mode: int) -> None:
    for name in ("mqtt-password", "camera-password"):
        (names["passwords"] / name).write_text("hush\n")
        (names["passwords"] / name).chmod(mode)


def checked(environment: Environment, overrides: list[str], names: dict[str, Path]) -> None:
    filled = [override.format(**names) for override in (*SAFE, *overrides)]
    check(load(environment, overrides=filled, system_file=NOWHERE).settings, environment)


@pytest.mark.parametrize(("key", "overrides", "why"), ONLY_PRODUCTION)
def test_production_refuses_what_is_unsafe_by_name_and_with_the_fix(key, overrides, why, names):
    passwords(names, 0o644)
    with pytest.raises(ConfigError) as caught:
        checked(Environment.PRODUCTION, overrides, names)
    assert str(caught.value).startswith(f"{key}: ")
    assert ", which production refuses; fix: " in str(caught.value)
    assert "\n" not in str(caught.value)
    assert why.format(passwords="/etc/maskwatch") in str(caught.value)


@pytest.mark.parametrize(("key", "overrides", "why"), ONLY_PRODUCTION)
@pytest.mark.parametrize("environment", [Environment.DEVELOPMENT, Environment.STAGING])
def test_other_environments_accept_what_only_production_refuses(environment, key, overrides, why, names):
    passwords(names, 0o644)
    checked(environment, overrides, names)


@pytest.mark.parametrize(("key", "overrides", "why"), EVERYWHERE)
@pytest.mark.parametrize("environment", Environment)
def test_no_environment_accepts_what_is_unsafe_anywhere(environment, key, overrides, why, names):
    with pytest.raises(ConfigError) as caught:
        checked(environment, overrides, names)
    assert key in str(caught.value).partition(": ")[0]
    assert why in str(caught.value)


@pytest.mark.parametrize("overrides", SAFE_INSTALLS.values(), ids=SAFE_INSTALLS)
def test_a_safe_installation_starts_in_production(overrides, names):
    passwords(names, 0o640)
    checked(Environment.PRODUCTION, overrides, names)


def test_every_rule_is_in_the_table_of_tests_and_in_the_document():
    keys = {rule.key for rule in safety.RULES}
    assert keys == {key for key, _, _ in ONLY_PRODUCTION}
    page = (ROOT / "docs/environments.md").read_text("utf-8")
    rows = re.findall(r"^\| `([\w.]+)`.* \| production \|", page, re.MULTILINE)
    assert sorted(rows) == sorted(rule.key for rule in safety.RULES)
    everywhere = re.findall(r"^\| `([\w.]+)`.* \| all \|", page, re.MULTILINE)
    assert set(everywhere) == {key for key, _, _ in EVERYWHERE}


def test_the_first_is_explained_and_the_others_are_named(names):
    with pytest.raises(ConfigError, match=r"^camera\.source: demo: .*\(also unsafe: mqtt\.outbox, mqtt\.commands\)$"):
        checked(Environment.PRODUCTION, [REMOTE, "mqtt.commands=on", "mqtt.outbox=memory", "camera.source=demo"], names)


def test_no_password_in_an_address_is_repeated(names, monkeypatch):
    everything = safety.Rule("camera.source", frozenset(Environment), lambda _: True, "is unsafe", "change it")
    monkeypatch.setattr(safety, "RULES", (everything,))
    with pytest.raises(ConfigError) as caught:
        checked(Environment.PRODUCTION, ["camera.source=rtsp://me:hush@camera/s"], names)
    assert "hush" not in str(caught.value)


def test_no_command_changes_a_setting_that_a_rule_reads():
    changed: list[str] = []
    settings = load(system_file=NOWHERE).settings
    commands = build_commands(settings, None, lambda key, _value: changed.append(key), lambda: None)
    for command in commands:
        if command.key in ("alert/dwell_s", "detector/profile"):
            command.apply("1")
    assert sorted(changed) == ["alert.dwell_s", "detector.profile"]
    assert len(commands) == 4, "another command: does it change anything that a rule reads?"
    assert not set(changed) & {rule.key for rule in safety.RULES}


@pytest.mark.parametrize(
    ("environment", "more", "code", "words"),
    [
        ("development", [], 0, ""),
        ("staging", SAFE, 0, ""),
        ("staging", [], 78, "mqtt.host: is not set"),
        ("production", SAFE, 0, ""),
        ("production", [*SAFE, "camera.source=demo"], 78, "camera.source: demo: shows drawn people"),
    ],
)
def test_check_and_run_agree_in_each_environment(environment, more, code, words):
    overrides = [part for pair in more for part in ("--set", pair)]
    done = maskwatch("check", *overrides, MASKWATCH_ENV=environment)
    assert (done.returncode, words in done.stderr) == (code, True), done.stderr
    if code:
        started = maskwatch("run", *overrides, MASKWATCH_ENV=environment)
        assert (started.returncode, started.stderr) == (code, done.stderr)


def test_a_reload_of_an_unsafe_setting_is_refused_and_the_old_ones_stay(tmp_path, mosquitto: Mosquitto):
    file = tmp_path / "config.toml"
    file.write_text("[camera]\nsource = 'usb:63'\n")
    ear = Ear(mosquitto.port)
    watch = Watch("--env", "production", *on(mosquitto), "--config", file)
    assert eventually(lambda: ear.of("info"), 30)
    before = ear.of("info")
    file.write_text("[camera]\nsource = 'demo'\n")
    watch.process.send_signal(signal.SIGHUP)
    assert eventually(
        lambda: any(b"camera.source: demo: shows drawn" in text for text in ear.of("problem/settings")), 20
    )
    assert watch.process.poll() is None
    assert ear.of("info") == before
    file.write_text("[camera]\nsource = 'usb:63'\n")
    watch.process.send_signal(signal.SIGHUP)
    assert eventually(lambda: ear.of("problem/settings")[-1:] == [b""], 20)
    code, _, err = watch.end()
    ear.close()
    assert (code, "camera demo" in err) == (0, False), err
