"""Errors of wrong values: one sentence with the allowed values, without the words of the library."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.errors import ConfigError
from edge.settings.load import load

NOWHERE = Path("/nonexistent")


def refusal(content: str, tmp_path: Path) -> str:
    """Return the error of a settings file with this content."""
    file = tmp_path / "c.toml"
    file.write_text(content)
    with pytest.raises(ConfigError) as caught:
        load(file=file, system_file=NOWHERE)
    return str(caught.value).removeprefix(f"{file}: ")


@pytest.mark.parametrize(
    ("section", "line", "sentence"),
    [
        ("mqtt", "host = 0", "mqtt.host: must be text in quotes, not 0"),
        ("mqtt", 'port = "x"', "mqtt.port: must be a whole number, not 'x'"),
        ("mqtt", "port = 99999", "mqtt.port: must be 65535 or less, not 99999"),
        ("mqtt", 'path = "x"', "mqtt.path: must begin with a slash, without spaces; for example: /mqtt"),
        ("mqtt", 'tls = "yes"', 'mqtt.tls: must be one of "auto", "on" or "off", not \'yes\'; for example: '),
        ("alert", "dwell_s = inf", "alert.dwell_s: must be a finite number, not inf; for example: alert.dwell_s = 1.0"),
        ("alert", "dwell_s = -1", "alert.dwell_s: must be 0 or more, not -1; for example: alert.dwell_s = 1.0"),
        ("alert", 'incorrect = "yes"', "alert.incorrect: must be true or false, not 'yes'"),
        ("device", 'name = "Stop 7"', 'device.name: may have no space, "/", "+" or "#"'),
        ("camera", "fps_hz = 0", "camera.fps_hz: must be more than 0, not 0; for example: camera.fps_hz ="),
        ("notice", "phrase = 3", 'notice.phrase: must be text in quotes or a table such as {en = "…", de = "…"}'),
        ("notice", 'languages = "de"', "notice.languages: must be a list in square brackets, not 'de'; for"),
        ("notice", 'languages = ["xx1"]', 'notice.languages: must be a language such as "en" or "pt-br"'),
        ("notice", 'volume_hours = ["20"]', "notice.volume_hours: write HH:MM-HH:MM and a volume from 0 to 1"),
        ("notice", 'lamp_pin = "17"', "notice.lamp_pin: write the pin as the chip numbers it, GPIO0 to GPIO27"),
        ("privacy", 'no_look = ["a"]', 'privacy.no_look: must be three corners or more, "x,y" as shares'),
        ("homeassistant", 'prefix = "a b"', "homeassistant.prefix: may have letters, digits"),
    ],
)  # fmt: skip
def test_the_error_of_a_wrong_value_is_one_sentence_with_the_allowed_values(section, line, sentence, tmp_path):
    text = refusal(f"[{section}]\n{line}\n", tmp_path)
    assert text.startswith(sentence)


def test_no_error_of_a_wrong_type_has_the_words_of_the_library(tmp_path):
    settings = load(system_file=NOWHERE).settings
    for section, content in settings.model_dump().items():
        for name in content:
            for wrong in ("[[1]]", "1e400", "{x = [1]}", "1979-05-27"):
                text = refusal(f"[{section}]\n{name} = {wrong}\n", tmp_path)
                assert text.startswith(f"{section}.{name}: "), text
                for word in ("Input should", "String should", "pattern", "validation", "pydantic", "<class"):
                    assert word not in text


def test_a_byte_order_mark_is_ignored(tmp_path):
    file = tmp_path / "c.toml"
    file.write_bytes(b"\xef\xbb\xbf" + '[device]\nsite = "Größe"\n'.encode())
    assert load(file=file, system_file=NOWHERE).settings.device.site == "Größe"


@pytest.mark.parametrize("value", ["7", "007", "1.5", "true", "2026-11-27"])
def test_set_accepts_text_without_quotes(value):
    assert load(overrides=[f"device.name={value}"], system_file=NOWHERE).settings.device.name == value


@pytest.mark.parametrize(
    ("spec", "source"),
    [
        ("0", "usb:0"),
        ("/dev/video2", "usb:/dev/video2"),
        ("/dev/v4l/by-id/usb-Acme-video-index0", "usb:/dev/v4l/by-id/usb-Acme-video-index0"),
        ("RTSP://Cam.example/Stream1", "rtsp://Cam.example/Stream1"),
        ("Demo", "demo"),
        ("USB:1", "usb:1"),
        ("clip.mp4", "clip.mp4"),
        ("./0", "./0"),
        ("HTTP", "HTTP"),
    ],
)
def test_a_source_may_be_written_in_several_ways(spec, source):
    assert load(overrides=[f"camera.source={spec}"], system_file=NOWHERE).settings.camera.source == source


def test_a_file_that_is_not_utf_8_is_refused_with_the_fix(tmp_path):
    file = tmp_path / "c.toml"
    file.write_text("[device]\n", "utf-16")
    with pytest.raises(ConfigError, match="is not UTF-8; fix: save it as UTF-8 text"):
        load(file=file, system_file=NOWHERE)


def test_the_error_of_an_address_without_its_key_shows_no_part_of_the_password():
    """The address was cut at its first "=", in the middle of the password."""
    with pytest.raises(ConfigError) as caught:
        load(overrides=["rtsp://half=other:x@camera:554/s"], system_file=NOWHERE)
    assert "half" not in str(caught.value)
    assert "write section.key=value" in str(caught.value)
