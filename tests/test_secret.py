"""Secrets are read from files unchanged, or refused in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge import secret
from edge.errors import ConfigError
from edge.publish.broker import broker_of
from edge.settings.load import load
from edge.show.page import binding
from edge.show.page.token import token_of
from tests.support.program import maskwatch

NOWHERE = Path("/nonexistent/config.toml")


def written(folder: Path, content: bytes, mode: int = 0o600) -> Path:
    path = folder / "password"
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    ("content", "meant"),
    [
        (b"hush", "hush"),
        (b"hush\n", "hush"),
        (b"hush\r\n", "hush"),
        (b"hush\n\n", "hush"),
        (b"\xef\xbb\xbfhush\r\n", "hush"),
        (b" hu sh \n", " hu sh "),
        ("pässwörd→\n".encode(), "pässwörd→"),
    ],
)
def test_a_line_end_and_a_byte_order_mark_are_not_part_of_a_password(tmp_path, content, meant):
    assert secret.read("mqtt.password_file", written(tmp_path, content)) == meant


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r\n\ufeff"), min_size=1, max_size=40))
def test_every_other_character_is_kept(tmp_path_factory, text):
    path = written(tmp_path_factory.mktemp("secret"), text.encode() + b"\n")
    assert secret.read("mqtt.password_file", path, blank=True) == (text if text.strip() else "")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"\xef\xbb\xbf \n", "is empty"),
        (b"\xff\xfeh\x00", "it is not UTF-8"),
        (b"one\ntwo\n", "it has more than one line"),
        (b"x" * 70_000, "it is longer than 65535 bytes"),
        (None, "No such file"),
        ("folder", "it is a folder"),
    ],
)
@pytest.mark.parametrize("command", [("run", "--source", "demo", "--headless"), ("watch",)])
def test_the_error_of_a_wrong_password_file_is_one_sentence_with_exit_code_78(tmp_path, content, sentence, command):
    path = tmp_path / "password"
    if content == "folder":
        path.mkdir()
    elif content is not None:
        written(tmp_path, content)
    done = maskwatch(*command, "--set", "mqtt.user=u", "--set", f"mqtt.password_file={path}")
    assert (done.returncode, done.stderr.count("\n")) == (78, 1), done.stderr
    assert f"mqtt.password_file: {path}: " in done.stderr
    assert sentence in done.stderr


def test_a_blank_credential_is_no_password_and_a_public_one_is_refused(tmp_path, monkeypatch):
    """The unit passes a blank where it has no file."""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert secret.password("mqtt.password_file", "", credential="password") == ""
    path = written(tmp_path, b" ")
    assert secret.password("mqtt.password_file", "", credential="password") == ""
    path.write_text("hush\n")
    assert secret.password("mqtt.password_file", "", credential="password") == "hush"
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="everybody may read it"):
        secret.password("mqtt.password_file", "", credential="password")


def of_broker(path: Path, key: str) -> None:
    of_key = [f"mqtt.cert_file={path}"] if key == "key_file" else []
    loaded = load(overrides=["mqtt.user=u", f"mqtt.{key}={path}", *of_key], system_file=NOWHERE)
    broker_of(loaded.settings.mqtt, "c")


def of_page(path: Path) -> None:
    loaded = load(overrides=[f"web.tls_cert={path}", f"web.tls_key={path}"], system_file=NOWHERE)
    binding.check(loaded.settings.web)


READERS = {
    "mqtt.password_file": lambda path: of_broker(path, "password_file"),
    "mqtt.key_file": lambda path: of_broker(path, "key_file"),
    "web.tls_key": of_page,
    "web.token_file": token_of,
}


@pytest.mark.parametrize("key", READERS)
@pytest.mark.parametrize("mode", [0o604, 0o644, 0o602, 0o666])
def test_one_rule_applies_to_every_secret_that_everybody_may_read_or_change(tmp_path, key, mode):
    path = written(tmp_path, b"two-words-of-a-token\n", mode)
    with pytest.raises(ConfigError, match=f"{key}: {path}: everybody may read it; fix: chmod o-rwx {path}"):
        READERS[key](path)
    path.chmod(0o640)
    try:
        READERS[key](path)
    except ConfigError as error:
        assert "everybody" not in str(error)  # a password is no certificate


def test_no_other_module_has_a_rule_of_its_own():
    edge = Path(secret.__file__).parent
    reading = ("S_IROTH", "S_IRWXO", "0o004")  # paths.py checks who may write in a folder, which is another rule
    ruling = {path.name for path in edge.rglob("*.py") if any(bit in path.read_text() for bit in reading)}
    assert ruling == {"secret.py"}
