"""The settings file is edited without a loss, and written whole or not at all."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest

from edge.errors import ConfigError, OutputError
from edge.settings import edit
from edge.settings.edit import changed, write_secret, write_settings
from edge.settings.schema import Environment

DEVELOPMENT = Environment.DEVELOPMENT
WRITTEN = """# of the stop
[mqtt]
host = "old"   # the operator's
# port = 1883

[camera]
source = "usb:0"
"""


def test_a_change_keeps_comments_and_everything_else():
    text = changed(WRITTEN, {"mqtt.host": "new", "mqtt.user": "stop-7"}, {"mqtt.user": "who we are"}, "f")
    assert 'host = "new"   # the operator\'s' in text
    assert 'user = "stop-7" # who we are' in text
    for line in ("# of the stop", "# port = 1883", 'source = "usb:0"'):
        assert line in text


def test_a_new_key_stands_in_its_section_and_not_behind_a_next_one_that_is_commented_out():
    """As in the file that the service is installed with."""
    before = '[mqtt]\nhost = ""\n# port = 1883\n\n# [camera]\n# source = "usb:0"\n'
    text = changed(before, {"mqtt.host": "a", "mqtt.port": 1884, "camera.source": "demo"}, {"mqtt.port": "which"}, "f")
    assert text.startswith('[mqtt]\nport = 1884 # which\nhost = "a"\n# port = 1883\n\n# [camera]\n')
    assert text.endswith('[camera]\nsource = "demo"\n')


def test_a_new_file_has_its_sections_and_keys_in_the_order_of_the_values():
    text = changed("", {"device.name": "a", "device.site": "b", "mqtt.host": "c", "mqtt.port": 1}, {}, "f")
    assert text == '[device]\nname = "a"\nsite = "b"\n\n[mqtt]\nhost = "c"\nport = 1\n'


WAYS = ["mqtt.host = 'a'\n", "mqtt = {host = 'a'}\n", "[ mqtt ] # us\nhost = 'a'", "", "\n\n"]


@pytest.mark.parametrize("before", WAYS)
def test_sections_may_be_written_in_any_way(before):
    text = changed(before, {"mqtt.port": 5, "mqtt.user": "u", "log.level": "info"}, {}, "f")
    read = tomllib.loads(text)
    assert (read["mqtt"]["port"], read["mqtt"]["user"], read["log"]["level"]) == (5, "u", "info")
    assert read["mqtt"].get("host", "a") == "a"


def test_a_file_that_is_not_toml_is_named():
    with pytest.raises(ConfigError, match=r"mine\.toml: is not TOML"):
        changed("[mqtt", {"mqtt.host": "x"}, {}, "mine.toml")


def test_a_wrong_setting_leaves_the_old_file_and_names_it(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text(WRITTEN)
    with pytest.raises(ConfigError) as caught:
        write_settings(path, "[mqtt]\nport = 99999\n", DEVELOPMENT)
    assert str(caught.value).startswith(f"{path}: mqtt.port")
    assert path.read_text() == WRITTEN
    assert [kept.name for kept in tmp_path.iterdir()] == ["c.toml"]


def test_ctrl_c_while_it_is_written_leaves_the_old_file_alone(tmp_path, monkeypatch):
    path = tmp_path / "c.toml"
    path.write_text(WRITTEN)

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(edit, "_check", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_settings(path, "[mqtt]\nport = 1884\n", DEVELOPMENT)
    assert path.read_text() == WRITTEN
    assert [kept.name for kept in tmp_path.iterdir()] == ["c.toml"]


def test_a_new_file_may_be_read_by_the_service_and_an_old_one_keeps_its_mode(tmp_path):
    path = tmp_path / "new" / "c.toml"
    write_settings(path, WRITTEN, DEVELOPMENT)
    assert path.stat().st_mode & 0o777 == 0o644
    path.chmod(0o600)
    write_settings(path, WRITTEN, DEVELOPMENT)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_with_a_password_is_not_readable_by_everybody_and_an_old_one_keeps_its_owner(tmp_path):
    path = tmp_path / "c.toml"
    write_settings(path, '[camera]\nsource = "http://camera/v?token=hush"\n', DEVELOPMENT)
    assert path.stat().st_mode & 0o777 == 0o640
    if os.getuid() == 0:
        os.chown(path, 1, 2)
    owner = (path.stat().st_uid, path.stat().st_gid)
    write_settings(path, WRITTEN, DEVELOPMENT)
    assert (path.stat().st_uid, path.stat().st_gid) == owner


def test_a_link_is_followed_and_stays_a_link(tmp_path):
    real, link = tmp_path / "real.toml", tmp_path / "link.toml"
    real.write_text("")
    link.symlink_to(real)
    write_settings(link, WRITTEN, DEVELOPMENT)
    assert link.is_symlink()
    assert real.read_text() == WRITTEN


def test_only_its_owner_may_read_a_secret(tmp_path):
    path = tmp_path / "password"
    path.write_text("old")
    path.chmod(0o644)
    write_secret(path, "hush")
    assert path.read_text() == "hush\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_error_of_a_file_that_cannot_be_written_is_an_output_error(tmp_path):
    (tmp_path / "file").write_text("")
    for write in (lambda path: write_settings(path, WRITTEN, DEVELOPMENT), lambda path: write_secret(path, "x")):
        with pytest.raises(OutputError, match="cannot be written"):
            write(tmp_path / "file" / "c.toml")


def test_setup_writes_the_file_of_the_service_for_root_and_of_the_user_otherwise(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert edit.own_file() == Path("/etc/maskwatch/config.toml")
    assert not edit.is_read(Path("/home/user/.config/maskwatch/config.toml"))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", "/home/user")
    for folder, named in (("", "/home/user/.config"), ("here", "/home/user/.config"), ("/other", "/other")):
        monkeypatch.setenv("XDG_CONFIG_HOME", folder)
        assert edit.own_file() == Path(named) / "maskwatch/config.toml"
        assert edit.is_read(edit.own_file())
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/maskwatch")
    assert edit.own_file() == Path("maskwatch.toml"), "a service obeys no user's file"
    assert not edit.is_read(Path("maskwatch.toml"))
