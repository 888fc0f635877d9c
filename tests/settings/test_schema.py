"""The layers of the settings, their defaults, and the errors of wrong ones."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge import paths
from edge.errors import ConfigError
from edge.settings.load import lay_over, load
from edge.settings.reference import reasons
from edge.settings.schema import Environment, Settings
from tests.support.settings import NOWHERE


def test_development_uses_the_embedded_broker():
    assert load(system_file=NOWHERE).settings.mqtt.host == "embedded"


@pytest.mark.parametrize("environment", [Environment.STAGING, Environment.PRODUCTION])
def test_in_other_environments_the_broker_must_be_set_and_no_demo_is_shown(environment):
    loaded = load(environment, system_file=NOWHERE).settings
    assert not loaded.mqtt.host
    assert loaded.camera.source == "camera"


def test_later_layers_override_earlier_ones_and_are_named(tmp_path):
    system, file = tmp_path / "system.toml", tmp_path / "mine.toml"
    system.write_text("[mqtt]\nport = 1\nuser = 'a'\n")
    file.write_text("[mqtt]\nport = 2\n")
    loaded = load(file=file, overrides=["alert.dwell_s=3"], system_file=system)
    assert (loaded.settings.mqtt.port, loaded.settings.mqtt.user, loaded.settings.alert.dwell_s) == (2, "a", 3)
    assert loaded.origins["mqtt.port"] == str(file)
    assert loaded.origins["mqtt.user"] == str(system)
    assert loaded.origins["alert.dwell_s"] == "--set"
    assert loaded.origins["alert.clear_s"] == "default.toml"


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("mqtt.prot=1883", "mqtt.prot: unknown setting (did you mean 'port'?)"),
        ("mqt.port=1883", "mqt.port: unknown setting (did you mean 'mqtt.port'?)"),
        ("mqtt.port=abc", "mqtt.port"),
        ("mqtt.port=70000", "mqtt.port"),
        ("mqtt.port=true", "mqtt.port"),
        ("alert.dwell_s=-1", "alert.dwell_s"),
        ("alert.dwell_s=nan", "alert.dwell_s"),
        ("camera.name=a/b", "camera.name"),
        ("detector.profile=fast", "detector.profile"),
        ("mqtt.port", "write section.key=value"),
        ("port=3", "write section.key=value"),
    ],
)
def test_a_wrong_setting_is_named_by_its_key(override, sentence):
    with pytest.raises(ConfigError) as caught:
        load(overrides=[override], system_file=NOWHERE)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["[mqtt", "mqtt = 3", "[mqtt]\nport = 'x'", "[mqtt.port]\nx = 1", "\x00"])
def test_a_wrong_file_is_named_by_its_path(tmp_path, text):
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"wrong\.toml"):
        load(file=path, system_file=NOWHERE)


HOLDING = {
    "a user and a password": '[camera]\nsource = "rtsp://me:hush@camera/s"\n',
    "a raw @ in it": '[camera]\nsource = "rtsp://me:hu@sh@camera/s"\n',
    "a parameter": '[camera]\nsource = "http://camera/video?user=me&password=hush"\n',
    "a part of the path": 'camera.source = "rtsp://camera/user=me_password=hush_channel=1"\n',
}


@pytest.mark.parametrize("text", HOLDING.values(), ids=HOLDING)
@pytest.mark.parametrize("layer", ["file", "system_file"])
def test_a_file_with_a_password_that_everybody_may_read_is_refused_with_the_fix(tmp_path, text, layer):
    path = tmp_path / "config.toml"
    path.write_text(text)
    path.chmod(0o644)
    with pytest.raises(ConfigError) as caught:
        load(**{"system_file": NOWHERE, layer: path})
    assert str(caught.value).startswith(f"{path}: camera.source: holds a password, and everybody may read this file")
    assert f"chmod o-rwx {path}" in str(caught.value)
    assert "hu" not in str(caught.value).replace(str(path), "")
    path.chmod(0o640)
    assert load(**{"system_file": NOWHERE, layer: path}).settings.camera.source


@pytest.mark.parametrize("source", ["rtsp://camera/cam/realmonitor?channel=1&subtype=0", "rtsp://me@camera/s", "usb:0"])
def test_a_file_without_a_password_may_be_read_by_everybody(tmp_path, source):
    path = tmp_path / "config.toml"
    path.write_text(f'[camera]\nsource = "{source}"\n')
    path.chmod(0o644)
    assert load(file=path, system_file=NOWHERE).settings.camera.source == source


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read"):
        load(file=tmp_path / "none.toml", system_file=NOWHERE)


def test_a_value_may_contain_an_equals_sign():
    assert load(overrides=["notice.phrase=a=b"], system_file=NOWHERE).settings.notice.phrase == "a=b"


def test_the_defaults_are_those_of_the_file_that_lists_them():
    listed = tomllib.loads((paths.config() / "default.toml").read_text("utf-8"))
    assert Settings() == Settings.model_validate(listed)
    assert {section: list(content) for section, content in listed.items()} == {
        section: list(content) for section, content in Settings().model_dump().items()
    }


@pytest.mark.parametrize("environment", Environment)
def test_without_files_only_the_differences_of_the_environment_change_the_defaults(environment):
    loaded = load(environment, system_file=NOWHERE)
    changes = {key for key, origin in loaded.origins.items() if origin == f"{environment}.toml"}
    assert set(loaded.origins.values()) == {"default.toml", f"{environment}.toml"}
    values = loaded.settings.model_dump()
    different = {key: values[key.split(".")[0]][key.split(".")[1]] for key in changes}
    assert lay_over(Settings(), different, "test") == loaded.settings


def test_the_files_of_the_environments_hold_differences_only():
    defaults = Settings().model_dump()
    for environment in Environment:
        for section, content in tomllib.loads((paths.config() / f"{environment}.toml").read_text("utf-8")).items():
            assert {key for key, value in content.items() if value == defaults[section][key]} == set()


def test_every_setting_has_a_description_of_one_line_that_ends_as_a_sentence():
    described = reasons()
    assert described.keys() == load(system_file=NOWHERE).origins.keys()
    assert [key for key, text in described.items() if not text.endswith(".") or "\n" in text] == []


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=40))
def test_any_override_is_accepted_or_refused_in_one_sentence(text):
    try:
        load(overrides=[text], system_file=NOWHERE)
    except ConfigError as error:
        assert str(error)
