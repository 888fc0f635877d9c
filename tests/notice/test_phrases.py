"""What the people nearby are told, in several languages."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from edge.data import Phrase
from edge.errors import ConfigError
from edge.notice.phrases import IDLE, PLEASE, THANKS, worded
from edge.settings.load import load
from tests.support.needs import need

PHONEMES = {
    "en": ("d'Ist@ns", "T'aNk"),
    "de": ("'apSt", "d'aNk"),
    "es": ("Dist'anTja", "g**'aTjas"),
    "fr": ("dist'A~s", "mErs'i"),
    "it": ("dist'antse", "g@-*'atsje"),
    "nl": ("Afst", "d'ANk"),
    "pl": ("OtstEmp", "dz;,ENkuj'Emy"),
    "pt": ("&~Nsj&", "ObRig'adU"),
    "tr": ("mesaf'en", "teSek:'YR"),
}
"""How espeak-ng says "distance" and "thank you". Source: espeak-ng 1.51, `espeak-ng -q -x`."""


def load_with(*overrides: str):
    return load(overrides=overrides, system_file=Path("/nonexistent")).settings.notice


def phonemes(language: str, text: str) -> str:
    said = subprocess.run(
        [need("espeak-ng"), "-q", "-x", "-v", language, "--stdin"],
        input=text,
        capture_output=True,
        text=True,
        check=True,
    )
    return said.stdout


def test_every_language_has_all_words_and_its_phonemes_here():
    assert PLEASE.keys() == THANKS.keys() == IDLE.keys() == PHONEMES.keys()


@pytest.mark.parametrize("language", PLEASE)
def test_espeak_says_the_words_as_the_language_does(language):
    distance, thanks = PHONEMES[language]
    assert distance in phonemes(language, PLEASE[language])
    assert thanks in phonemes(language, THANKS[language])


@pytest.mark.parametrize("words", [PLEASE, THANKS, IDLE])
def test_no_phrase_speaks_to_one_person_or_orders_a_mask_on(words):
    orders = ("put on", "put your", "you must", "setzen sie", "mettez votre", "pónga", "wear your")
    assert [text for text in words.values() if any(order in text.lower() for order in orders)] == []


def test_languages_are_said_in_the_order_of_the_settings():
    assert [phrase.language for phrase in worded(["de", "en"], "", PLEASE)] == ["de", "en"]


def test_a_bare_text_of_the_owner_is_for_the_first_language():
    assert worded(["de", "en"], "Abstand, bitte.", PLEASE) == (
        Phrase("de", "Abstand, bitte."),
        Phrase("en", PLEASE["en"]),
    )


def test_a_table_of_the_owner_gives_words_by_language_and_new_languages():
    own = {"fi": "Pitäkää etäisyyttä.", "en": "Keep apart."}
    assert [phrase.text for phrase in worded(["en", "fi"], own, PLEASE)] == ["Keep apart.", "Pitäkää etäisyyttä."]


def test_words_and_languages_come_from_settings():
    notice = load_with(
        'notice.languages=["de","fi"]', 'notice.phrase={fi="a"}', 'notice.thanks={fi="b"}', 'notice.sign_text={fi="c"}'
    )
    assert (notice.languages, notice.phrase) == (["de", "fi"], {"fi": "a"})


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ('notice.languages=["fi"]', 'notice.languages: there are no words for "fi"; fix: give them as {fi = "…"}'),
        ("notice.languages=[]", "notice.languages"),
        ('notice.languages=["-v en; rm"]', "notice.languages"),
        ("notice.lamp_pin=17", "notice.lamp_pin"),
        (
            "notice.lamp_pin=GPIO99",
            "notice.lamp_pin: write the pin as the chip numbers it, GPIO0 to GPIO27, or nothing",
        ),
        ("notice.buzzer_pin=D4", "notice.buzzer_pin: write the pin"),
        ("notice.quiet=at night", "notice.quiet: write HH:MM-HH:MM, for example 22:00-06:00"),
        ('notice.volume_hours=["20:00-07:00"]', "notice.volume_hours: write HH:MM-HH:MM"),
        ("notice.volume=1.2", "notice.volume"),
    ],
)
def test_a_wrong_setting_of_notices_is_one_sentence_with_its_key(override, said):
    with pytest.raises(ConfigError) as caught:
        load_with(override)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
