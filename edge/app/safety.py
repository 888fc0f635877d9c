"""What an environment refuses because it would be unsafe on a street: one table, each rule with its key and its fix."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from edge import secret
from edge.errors import ConfigError
from edge.paths import SERVICE_PASSWORDS
from edge.publish.broker import takes_commands
from edge.redaction import redacted
from edge.settings.schema import Environment

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.settings.schema import Settings

_IN_MEMORY = (Path("/run"), Path("/dev/shm"))  # noqa: S108 - refused, not used
"""Folders that a restart of the machine empties. Source: file-hierarchy(7)."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A setting that some environments refuse.

    is_unsafe: whether they refuse these settings.  why, fix: complete the sentence.
    """

    key: str
    environments: frozenset[Environment]
    is_unsafe: Callable[[Settings], bool]
    why: str
    fix: str


def refuse_unsafe(settings: Settings, environment: Environment, section: str = "") -> None:
    """Refuse what is unsafe in an environment; with a section, only what is unsafe there.

    Raises:
        ConfigError: names the first such setting with its reason and fix, and the keys of all others.
    """
    here = [rule for rule in RULES if environment in rule.environments and rule.key.startswith(section)]
    broken = [rule for rule in here if rule.is_unsafe(settings)]
    if broken:
        first, *others = broken
        named = dict.fromkeys(rule.key for rule in others if rule.key != first.key)
        more = f" (also unsafe: {', '.join(named)})" if named else ""
        value = redacted(str(_value(settings, first.key)))
        shown = f"{value}: " if value else ""
        raise ConfigError(f"{first.key}: {shown}{first.why}, which {environment} refuses; fix: {first.fix}{more}")


def _value(settings: Settings, key: str) -> object:
    section, _, name = key.partition(".")
    return getattr(getattr(settings, section), name)


def _may_show_the_demo(settings: Settings) -> bool:
    return settings.camera.source in ("demo", "auto")


def _plays_a_recording(settings: Settings) -> bool:
    """Return whether the source is a file or a folder; a pipe may bring the images of a camera."""
    path = Path(settings.camera.source)
    try:
        return path.is_file() or path.is_dir()
    except OSError:  # this user may not enter its folder: reported where the source is opened
        return False


def _loses_alerts(settings: Settings) -> bool:
    """Return whether undelivered alerts end with the process or the machine; without single people there are none."""
    if settings.privacy.aggregate or not settings.mqtt.outbox:
        return False
    path = Path(settings.mqtt.outbox)
    return settings.mqtt.outbox == "memory" or any(path.is_relative_to(folder) for folder in _IN_MEMORY)


def _anybody_commands(settings: Settings) -> bool:
    """Return whether commands are accepted where `auto` would not accept any."""
    careful = settings.mqtt.model_copy(update={"commands": "auto"})
    return takes_commands(settings.mqtt) and not takes_commands(careful)


def _password_is_public(section: str, settings: Settings) -> bool:
    """Return whether everybody may read a password file of the service: systemd passes on a copy that nobody may."""
    values = getattr(settings, section)
    try:
        is_public = secret.is_public((SERVICE_PASSWORDS / f"{section}-password").stat())
    except OSError:
        return False
    return is_public and bool(values.user) and not values.password_file


_PRODUCTION = frozenset({Environment.PRODUCTION})
RULES = (
    Rule(
        "camera.source",
        _PRODUCTION,
        _may_show_the_demo,
        "shows drawn people, or may where no camera is connected, and raises alerts about them",
        "set camera (waits for one), picamera, usb:N or rtsp://…",
    ),
    Rule(
        "camera.source",
        _PRODUCTION,
        _plays_a_recording,
        "is a recording, and raises alerts about people who are not there",
        "name a camera, or replay it with --env staging",
    ),
    Rule(
        "mqtt.outbox",
        _PRODUCTION,
        _loses_alerts,
        "loses the alerts that are not delivered when the process or the machine ends",
        "remove mqtt.outbox, or name a file on a disk",
    ),
    Rule(
        "mqtt.commands",
        _PRODUCTION,
        _anybody_commands,
        "lets everybody who reaches the broker command this device",
        "set mqtt.user or mqtt.cert_file, or leave mqtt.commands at auto",
    ),
    Rule(
        "models.signature",
        _PRODUCTION,
        lambda settings: settings.models.signature != "required",
        "lets models in whose origin nobody vouches for",
        "remove models.signature, and sign the bundle",
    ),
    *(
        Rule(
            f"{section}.password_file",
            _PRODUCTION,
            partial(_password_is_public, section),
            f"everybody may read {SERVICE_PASSWORDS}/{section}-password",
            f"sudo chmod 600 {SERVICE_PASSWORDS}/{section}-password",
        )
        for section in ("mqtt", "camera")
    ),
)
"""Refused in every environment, too: plain text to a broker of another machine unless `mqtt.tls` is off on purpose,
the web page beyond loopback without TLS, and secrets that everybody may read: see `edge.app.validation.check`."""
