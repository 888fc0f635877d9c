"""The sign and the data sheet match the settings in force."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from edge.privacy.signage import data_sheet, sign
from edge.privacy.signage_text import WORDS, Language
from edge.settings.load import load
from edge.tflite import read_spec
from tests.support.program import ROOT, maskwatch

SPECS = {"mask": read_spec(ROOT / "models/mask")}


def settings(*overrides: str):
    return load(overrides=overrides, system_file=Path("/nonexistent")).settings


class Text(HTMLParser):
    """Collects words, and complains of tags that are not closed."""

    VOID = frozenset({"meta", "path", "rect", "circle"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words, self._open = "", []
        self.feed(page)
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self._open.pop() == tag

    def handle_data(self, data):
        self.words += data


@pytest.mark.parametrize("language", Language)
def test_the_sign_states_the_purpose_in_every_language(language):
    words = Text(sign(settings(), language)).words
    assert WORDS[language].title in words
    assert WORDS[language].reminds in words
    assert WORDS[language].no_image in words
    assert "{" not in words.split("}")[-1]


def test_in_aggregate_mode_the_sign_promises_to_report_nobody():
    words = Text(sign(settings("privacy.aggregate=true"), Language.EN)).words
    assert "20 minutes" in words
    assert "reports nobody" in words
    assert "keep their distance" not in words
    assert WORDS[Language.EN].kept_nothing in words
    assert WORDS[Language.EN].kept not in words


def test_with_a_web_page_the_sign_mentions_pixelated_images():
    watched = settings("web.serve=true")
    assert WORDS[Language.EN].pixelated in sign(watched, Language.EN)
    assert "pixelated (changes)" in Text(data_sheet(watched, SPECS)).words


def test_the_sign_mentions_privacy_zones_if_there_are_some():
    zone = 'privacy.no_look=["0,0 0.2,0 0.2,1"]'
    assert WORDS[Language.EN].zones in sign(settings(zone), Language.EN)
    assert WORDS[Language.EN].zones not in sign(settings(), Language.EN)


def test_the_operator_is_named_and_escaped():
    page = sign(settings('privacy.operator="Bus & <b>Tram"', "privacy.contact=a@b.example"), Language.DE)
    assert "Bus & <b>Tram, a@b.example" in Text(page).words


def test_the_data_sheet_names_broker_models_and_storage():
    words = Text(data_sheet(settings("mqtt.host=broker.example", "mqtt.outbox=", "device.name=stop-7"), SPECS)).words
    for wanted in ("broker.example", "stop-7", SPECS["mask"].sha256[:12], "on this machine's disk", "Images stored"):
        assert wanted in words


def test_in_aggregate_mode_the_data_sheet_mentions_no_alert():
    words = Text(data_sheet(settings("privacy.aggregate=true"), SPECS)).words
    assert "no share of fewer than 10" in words
    assert "confidence, position" not in words


def test_both_pages_are_written_by_one_command(tmp_path):
    done = maskwatch("sheet", tmp_path / "public", "--language", "fr", "--set", "privacy.contact=x@y.example")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "public").iterdir()) == ["datasheet.html", "sign.html"]
    assert "x@y.example" in (tmp_path / "public/sign.html").read_text("utf-8")
    assert 'lang="fr"' in (tmp_path / "public/sign.html").read_text("utf-8")


def test_a_folder_that_cannot_be_written_is_reported(tmp_path):
    (tmp_path / "file").write_text("")
    done = maskwatch("sheet", tmp_path / "file")
    assert done.returncode == 78
    assert str(tmp_path / "file") in done.stderr
    assert "Traceback" not in done.stderr


def test_the_data_sheet_explains_the_accuracy_of_the_models():
    page = data_sheet(settings(), SPECS | {"face": read_spec(ROOT / "models/face/live")})
    assert "of people without a mask are found and classified as such" in page
    assert "macwinwin" not in page
    assert not re.search(r"\b[a-z]+_[a-z_]+\b", Text(page).words.partition("Model (mask)")[2])
