"""What the sign for passers-by says, in the languages that it can be had in."""

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
    """The sentences of the sign; `tells` and `counts` are two ways of use, of which one is in force."""

    title: str
    tells: str
    counts: str
    no_picture: str
    coarse_picture: str
    nobody: str
    kept: str
    kept_nothing: str
    zones: str
    who: str
    ask_staff: str


WORDS = {
    Language.EN: Words(
        title="This camera looks for masks, not for people",
        tells="It sees whether faces nearby wear a mask. If one does not, it asks everybody here to keep their distance.",
        counts="It counts how many of us wear a mask, over {minutes} minutes at a time. It asks nobody and reports nobody.",
        no_picture="It stores no picture and sends none.",
        coarse_picture="It stores no picture. Pictures that leave it are so coarse that nobody can be recognised.",
        nobody="It recognises nobody: no names, no faces kept, nothing that could tell you apart tomorrow.",
        kept="It notes time and place of a missing mask, without a picture, until that has been reported.",
        kept_nothing="It notes nothing about single people.",
        zones="Parts of its view are blacked out before anything looks at them.",
        who="Who is responsible",
        ask_staff="Please ask the staff here.",
    ),
    Language.DE: Words(
        title="Diese Kamera achtet auf Masken, nicht auf Menschen",
        tells="Sie sieht, ob Gesichter in der Nähe eine Maske tragen. Fehlt eine, bittet sie alle hier um Abstand.",
        counts="Sie zählt, wie viele von uns eine Maske tragen, über jeweils {minutes} Minuten. Sie spricht niemanden an und meldet niemanden.",
        no_picture="Sie speichert kein Bild und sendet keines.",
        coarse_picture="Sie speichert kein Bild. Bilder, die sie verlassen, sind so grob, dass niemand zu erkennen ist.",
        nobody="Sie erkennt niemanden wieder: keine Namen, keine gespeicherten Gesichter, nichts, was Sie morgen unterscheidet.",
        kept="Sie vermerkt Zeit und Ort einer fehlenden Maske, ohne Bild, bis das gemeldet ist.",
        kept_nothing="Sie vermerkt nichts über einzelne Menschen.",
        zones="Teile ihres Blickfelds sind geschwärzt, bevor irgendetwas sie betrachtet.",
        who="Wer verantwortlich ist",
        ask_staff="Bitte fragen Sie das Personal.",
    ),
    Language.FR: Words(
        title="Cette caméra regarde les masques, pas les personnes",
        tells="Elle voit si les visages proches portent un masque. S'il en manque un, elle invite tout le monde ici à garder ses distances.",
        counts="Elle compte combien d'entre nous portent un masque, par périodes de {minutes} minutes. Elle n'interpelle et ne signale personne.",
        no_picture="Elle n'enregistre et n'envoie aucune image.",
        coarse_picture="Elle n'enregistre aucune image. Celles qui en sortent sont si grossières que personne n'y est reconnaissable.",
        nobody="Elle ne reconnaît personne : aucun nom, aucun visage conservé, rien qui vous distingue demain.",
        kept="Elle note l'heure et le lieu d'un masque manquant, sans image, jusqu'à ce que ce soit signalé.",
        kept_nothing="Elle ne note rien sur les personnes.",
        zones="Des parties de son champ de vision sont noircies avant toute analyse.",
        who="Qui est responsable",
        ask_staff="Veuillez vous adresser au personnel.",
    ),
}
