"""The text of the sign for passers-by, in each language."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Language(StrEnum):
    """Languages of the sign; the value is its tag. Source: BCP 47."""

    EN = "en"
    DE = "de"
    FR = "fr"


@dataclass(frozen=True, slots=True)
class Words:
    """The sentences of the sign; `reminds` and `counts` describe the two modes, of which one is in force."""

    title: str
    reminds: str
    counts: str
    no_image: str
    pixelated: str
    nobody: str
    kept: str
    kept_nothing: str
    zones: str
    who: str
    ask_staff: str


WORDS = {
    Language.EN: Words(
        title="This camera checks for masks, not for people",
        reminds="It checks whether people nearby wear a mask. If somebody does not, it asks everybody here to keep their distance.",
        counts="It counts how many of us wear a mask, over {minutes} minutes at a time. It addresses nobody and reports nobody.",
        no_image="It stores no images and sends none.",
        pixelated="It stores no images. Images that it sends are so coarse that nobody can be recognised.",
        nobody="It does not identify anybody: no names, no stored faces, nothing that could recognise you tomorrow.",
        kept="It records the time and place of a missing mask, without an image, until that has been reported.",
        kept_nothing="It records nothing about individual people.",
        zones="Parts of its view are blacked out before anything is analysed.",
        who="Who is responsible",
        ask_staff="Please ask the staff here.",
    ),
    Language.DE: Words(
        title="Diese Kamera achtet auf Masken, nicht auf Menschen",
        reminds="Sie sieht, ob Gesichter in der Nähe eine Maske tragen. Fehlt eine, bittet sie alle hier um Abstand.",
        counts="Sie zählt, wie viele von uns eine Maske tragen, über jeweils {minutes} Minuten. Sie spricht niemanden an und meldet niemanden.",
        no_image="Sie speichert keine Bilder und sendet keine.",
        pixelated="Sie speichert keine Bilder. Bilder, die sie sendet, sind so grob, dass niemand zu erkennen ist.",
        nobody="Sie erkennt niemanden wieder: keine Namen, keine gespeicherten Gesichter, nichts, woran man Sie morgen erkennen könnte.",
        kept="Sie vermerkt Zeit und Ort einer fehlenden Maske, ohne Bild, bis das gemeldet ist.",
        kept_nothing="Sie vermerkt nichts über einzelne Personen.",
        zones="Teile ihres Blickfelds werden geschwärzt, bevor irgendetwas ausgewertet wird.",
        who="Wer verantwortlich ist",
        ask_staff="Bitte fragen Sie das Personal.",
    ),
    Language.FR: Words(
        title="Cette caméra regarde les masques, pas les personnes",
        reminds="Elle voit si les visages proches portent un masque. S'il en manque un, elle invite tout le monde ici à garder ses distances.",
        counts="Elle compte combien d'entre nous portent un masque, par périodes de {minutes} minutes. Elle n'interpelle et ne signale personne.",
        no_image="Elle n'enregistre et n'envoie aucune image.",
        pixelated="Elle n'enregistre aucune image. Celles qu'elle envoie sont si grossières que personne n'y est reconnaissable.",
        nobody="Elle ne reconnaît personne : aucun nom, aucun visage conservé, rien qui permette de vous reconnaître demain.",
        kept="Elle note l'heure et le lieu d'un masque manquant, sans image, jusqu'à ce que cela soit signalé.",
        kept_nothing="Elle ne note rien sur les personnes.",
        zones="Des parties de son champ de vision sont noircies avant toute analyse.",
        who="Qui est responsable",
        ask_staff="Veuillez vous adresser au personnel.",
    ),
}
