"""The words of notices in several languages: built in, or the owner's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.data import Phrase

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PLEASE = {
    "en": "Please keep your distance. Masks protect everyone here.",
    "de": "Bitte halten Sie Abstand. Masken schützen uns alle.",
    "es": "Por favor, mantengan la distancia. Las mascarillas nos protegen a todos.",
    "fr": "Merci de garder vos distances. Le masque nous protège tous.",
    "it": "Per favore, mantenete le distanze. Le mascherine proteggono tutti.",
    "nl": "Houd alstublieft afstand. Mondkapjes beschermen iedereen.",
    "pl": "Prosimy zachować odstęp. Maseczki chronią nas wszystkich.",
    "pt": "Por favor, mantenham a distância. As máscaras protegem todos.",
    "tr": "Lütfen mesafenizi koruyun. Maskeler herkesi korur.",
}
"""Everybody is asked to keep distance; nobody is asked to put a mask on, so nobody is singled out."""
THANKS = {
    "en": "Thank you. You protect everyone here.",
    "de": "Vielen Dank. So schützen wir uns alle.",
    "es": "Gracias. Así nos protegemos todos.",
    "fr": "Merci. Ainsi, nous nous protégeons tous.",
    "it": "Grazie. Così ci proteggiamo tutti.",
    "nl": "Dank u wel. Zo beschermen we iedereen.",
    "pl": "Dziękujemy. Tak chronimy się wszyscy.",
    "pt": "Obrigado. Assim protegemos todos.",
    "tr": "Teşekkür ederiz. Böylece herkesi koruyoruz.",
}
IDLE = {
    "en": "Masks protect everyone here.",
    "de": "Masken schützen uns alle.",
    "es": "Las mascarillas nos protegen a todos.",
    "fr": "Le masque nous protège tous.",
    "it": "Le mascherine proteggono tutti.",
    "nl": "Mondkapjes beschermen iedereen.",
    "pl": "Maseczki chronią nas wszystkich.",
    "pt": "As máscaras protegem todos.",
    "tr": "Maskeler herkesi korur.",
}
"""What a sign shows while there is no notice."""


@dataclass(frozen=True, slots=True)
class Phrases:
    """The words of all languages, in the order in which they are shown and spoken."""

    please: tuple[Phrase, ...]
    thanks: tuple[Phrase, ...] = ()


def lines_of(phrases: Sequence[Phrase]) -> str:
    """Return phrases as a text of one line per language."""
    return "\n".join(phrase.text for phrase in phrases)


def worded(languages: Sequence[str], own: str | Mapping[str, str], built_in: Mapping[str, str]) -> tuple[Phrase, ...]:
    """Return one phrase per language: the owner's own words first; a bare text is in the first language.

    Raises:
        ValueError: a language has neither own words nor built-in ones.
    """
    mine = ({languages[0]: own} if own else {}) if isinstance(own, str) else own
    words = {**built_in, **mine}
    unknown = next((language for language in languages if not words.get(language, "").strip()), None)
    if unknown is not None:
        raise ValueError(f'there are no words for "{unknown}"; fix: give them as {{{unknown} = "…"}}')
    return tuple(Phrase(language, words[language]) for language in languages)
