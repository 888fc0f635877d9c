"""The sign for passers-by and the data sheet, as HTML pages that print on one side of A4."""

from __future__ import annotations

from html import escape
from itertools import islice
from string import Template
from typing import TYPE_CHECKING

from edge import __version__, paths
from edge.privacy.signage_text import WORDS
from edge.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from edge.privacy.signage_text import Language, Words
    from edge.settings.schema import Settings
    from edge.tflite import ModelSpec


def sign(settings: Settings, language: Language) -> str:
    """Return the sign for passers-by, from the settings in force."""
    words, privacy = WORDS[language], settings.privacy
    who = ", ".join(part for part in (privacy.operator, privacy.contact) if part) or words.ask_staff
    items = "\n".join(f"<li>{escape(sentence)}</li>" for sentence in _sentences(settings, words))
    return _page("sign.html", language=language, title=words.title, items=items, who=words.who, whom=who)


def _sentences(settings: Settings, words: Words) -> list[str]:
    """Return the sentences that are true under these settings, the purpose first."""
    privacy = settings.privacy
    purpose = words.counts.format(minutes=round(privacy.aggregate_s / 60)) if privacy.aggregate else words.reminds
    images = words.pixelated if _sends_images(settings) else words.no_image
    keeps = words.kept_nothing if privacy.aggregate else words.kept
    return [purpose, images, words.nobody, keeps, *([words.zones] if privacy.no_look else [])]


def _sends_images(settings: Settings) -> bool:
    """Return whether any image, pixelated, may leave the device."""
    return (settings.mqtt.snapshot or settings.web.serve) and not settings.privacy.aggregate


def data_sheet(settings: Settings, models: Mapping[str, ModelSpec]) -> str:
    """Return the operator's data sheet: what is recorded, stored and sent, to whom, and the known limits."""
    rows = [*_about(settings), *_flows(settings), *_limits(models)]
    table = "\n".join(f"<tr><th scope=row>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in rows)
    return _page("datasheet.html", language="en", title=f"Data sheet of the camera {_name(settings)}", rows=table)


def _name(settings: Settings) -> str:
    return ", ".join(part for part in (settings.device.name, settings.camera.name, settings.device.site) if part)


def _about(settings: Settings) -> list[tuple[str, str]]:
    privacy = settings.privacy
    return [
        ("Operator", privacy.operator or "not set: privacy.operator"),
        ("Contact", privacy.contact or "not set: privacy.contact"),
        ("Device", f"{_name(settings)}, maskwatch {__version__}"),
        ("Purpose", _PURPOSES[privacy.aggregate].format(minutes=round(privacy.aggregate_s / 60))),
    ]


_PURPOSES = {
    False: "To remind people nearby to keep their distance while somebody wears no mask, and to report it.",
    True: "To measure the share of people with a mask over periods of {minutes} minutes (cf. French decree 2021-269).",
}


def _flows(settings: Settings) -> list[tuple[str, str]]:
    """Return where data come from and where they go."""
    privacy, mqtt = settings.privacy, settings.mqtt
    broker = redacted(mqtt.host) or "no broker is set"
    kept = "in memory only" if mqtt.outbox == "memory" else "on this machine's disk"
    alerts = (
        f"Time, place, label, confidence, position in the image and number of people; {kept} until ten minutes after "
        f"the broker has received them. Nothing that identifies a person."
    )
    every = f"Counts by label every {privacy.aggregate_s / 60:.0f} minutes"
    share = f"{every}; no share of fewer than {privacy.aggregate_min}"
    return [
        ("Images taken", f"{redacted(settings.camera.source)}; processed in memory and overwritten at once"),
        ("Images stored", "none"),
        ("Images sent", _SENT[_sends_images(settings)].format(cover=privacy.pixelate)),
        ("Privacy zones", f"{len(privacy.no_look)} areas, painted over before anything else sees them"),
        ("Data about people", share if privacy.aggregate else alerts),
        ("Sent to", f"MQTT broker {broker}, TLS {mqtt.tls}"),
        ("Deletion", "maskwatch purge deletes everything that is stored on the machine"),
    ]


_SENT = {False: "none", True: "pixelated ({cover}), so that nobody can be recognised"}


def _limits(models: Mapping[str, ModelSpec]) -> Iterable[tuple[str, str]]:
    """Return the models, and how often they are right if that was measured."""
    for kind, spec in models.items():
        figures = "; ".join(_figures(spec))
        measured = f"On test scenes not used for training: {figures}." if figures else "Figures: see its model card."
        yield f"Model ({kind})", f"{spec.name} {spec.version}, sha256 {spec.sha256[:12]}…. {measured}"
    yield "Known limits", _LIMITS


_FIGURES = {
    "faces_found": "{:.0%} of faces are found",
    "false_per_picture": "{:.2f} false faces per image",
    "unmasked_recall": "{:.0%} of people without a mask are found and classified as such",
    "unmasked_precision": "{:.0%} of those classified as without a mask wear none",
    "incorrect_recall": "{:.0%} of masks worn incorrectly are classified as such",
    "right_end_to_end": "{:.0%} of all faces are found and classified correctly",
}
"""Explanation of a model's figures, by the end of their names in model.toml; other figures are for developers."""


def _figures(spec: ModelSpec) -> Iterator[str]:
    """Yield each figure once, for the first set of scenes in model.toml."""
    for ending, sentence in _FIGURES.items():
        values = (value for name, value in spec.metrics.items() if name.endswith(ending) and isinstance(value, float))
        yield from (sentence.format(value) for value in islice(values, 1))


_LIMITS = (
    "Small, dark, blurred and turned faces are classified as unsure; photographs of faces count as faces. A person who "
    "is not detected and does not move for ten minutes becomes part of the background, and is then not pixelated."
)


def _page(template: str, **texts: str) -> str:
    """Return a page; texts are escaped, except lists and rows, which already are."""
    raw = ("items", "rows")
    values = {name: text if name in raw else escape(text) for name, text in texts.items()}
    return Template((paths.pages() / template).read_text("utf-8")).substitute(values)
