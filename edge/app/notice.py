"""The notice to people nearby."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from edge.app.components import stamp
from edge.clock import Clock
from edge.data import NoticeState
from edge.errors import ConfigError
from edge.notice.banner import Banner, Bell, lines_of
from edge.notice.lamp import Buzzer, Lamp
from edge.notice.phrases import IDLE, PLEASE, THANKS, Phrases, worded
from edge.notice.player import Player
from edge.notice.policy import NoticeTiming, Notifier
from edge.notice.problems import Problems
from edge.notice.relay import Relay
from edge.notice.schedule import VolumeSchedule, hours_of, minute_of_day, volume_hours_of
from edge.notice.sound import Clip, normalised, read
from edge.notice.speech import spoken
from edge.notice.switch import NoticeSwitch
from edge.notice.voice import Voice

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.app.components import Components
    from edge.data import Notice, Scene
    from edge.notice import Announcer
    from edge.publish.publisher import Publisher
    from edge.settings.schema import NoticeSettings


@dataclass(frozen=True, slots=True)
class Nearby:
    """What the viewers show of a notice, and what keeps it from being told."""

    banner: Banner = field(default_factory=Banner)
    troubles: Problems = field(default_factory=Problems)
    switch: NoticeSwitch = field(default_factory=NoticeSwitch)


def build_notifier(
    rules: NoticeSettings,
    nearby: Nearby,
    publisher: Publisher,
    wall: Callable[[], float],
    keep: Components,
    *,
    wanted: Callable[[Scene], bool] = lambda _scene: True,
) -> Notifier:
    """Join the ways in which the people nearby are told; `wall` is seconds since 1970, for the hours of the day.

    wanted: whether a scene is worth a notice, such as one with somebody near.
    """
    phrases, loudness = phrases_of(rules), _loudness(rules)
    announcers = [*_shown(rules, nearby.banner), *_wired(rules, nearby.troubles, keep)]
    announcers += [] if rules.voice == "off" else [_voice(rules, phrases, nearby.troubles, keep)]
    announcers.append(keep("relay", publisher, lambda: Relay(partial(_tell_signs, publisher))))
    manners = NoticeTiming(rules.hold_s, rules.repeat_s, rules.remind_s, rules.reminders)
    notifier = keep("notifier", None, lambda: Notifier(phrases, announcers, manners), Notifier.close)
    notifier.adopt(
        phrases,
        announcers,
        manners,
        volume=lambda: loudness.at(minute_of_day(wall())),
        wanted=wanted,
        enabled=partial(nearby.switch.on, rules.enabled),
    )
    return notifier


def phrases_of(rules: NoticeSettings) -> Phrases:
    """Return the words that the settings name."""
    please = worded(rules.languages, rules.phrase, PLEASE)
    return Phrases(please, worded(rules.languages, rules.thanks, THANKS))


def sign_texts(rules: NoticeSettings) -> tuple[str, str, str]:
    """Return what a sign says while there is nothing to tell, for a notice and for thanks, one line a language."""
    phrases, idle = phrases_of(rules), worded(rules.languages, rules.sign_text, IDLE)
    return lines_of(idle), lines_of(phrases.please), lines_of(phrases.thanks)


def night_of(hours: str) -> Callable[[], bool]:
    """Return a function that says whether it is night by `hours`, "21:00-06:00" or ""; a clock that is not set: never.

    Raises:
        ConfigError: the hours cannot be understood.
    """
    try:
        night = hours_of(hours) if hours else None
    except ValueError as error:
        raise ConfigError(f"notice.sign_night: {hours}: {error}") from None
    clock = Clock()
    return lambda: night is not None and clock.synced() and minute_of_day(clock.wall()) in night


def _shown(rules: NoticeSettings, banner: Banner) -> list[Announcer]:
    """Return what needs no device: it comes first, since it cannot fail."""
    bell: list[Announcer] = [Bell(sys.stderr)] if sys.stderr.isatty() else []
    if not rules.banner:
        banner.clear()
    return [banner, *bell] if rules.banner else []


def _wired(rules: NoticeSettings, troubles: Problems, keep: Components) -> list[Lamp | Buzzer]:
    """Return what hangs at pins: all of one part, since a pin may go from one to the other."""

    def open_pins() -> list[Lamp | Buzzer]:
        wired: list[Lamp | Buzzer] = []
        if rules.lamp_pin:
            wired.append(Lamp(rules.lamp_pin, partial(troubles.tell, "lamp")))
        if rules.buzzer_pin:
            wired.append(Buzzer(rules.buzzer_pin, partial(troubles.tell, "buzzer")))
        return wired

    def close_pins(wired: list[Lamp | Buzzer]) -> None:
        for part in wired:
            part.close()
        troubles.forget("lamp", "buzzer")

    return keep("pins", (rules.lamp_pin, rules.buzzer_pin), open_pins, close_pins)


def _voice(rules: NoticeSettings, phrases: Phrases, troubles: Problems, keep: Components) -> Voice:
    runtime = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0] or os.environ.get("XDG_RUNTIME_DIR", "")
    prepare = partial(_spoken, phrases) if rules.voice == "espeak" else partial(_recorded, Path(rules.voice))
    folder = runtime if Path(runtime).is_dir() else None

    def speak() -> Voice:
        return Voice(prepare, Player(), partial(troubles.tell, "voice"), folder=folder or None)

    def hush(voice: Voice) -> None:
        voice.close()
        troubles.forget("voice")

    return keep("voice", (rules.voice, stamp(rules.voice), phrases, folder), speak, hush)


def _spoken(phrases: Phrases, folder: Path) -> dict[NoticeState, Clip]:
    return {NoticeState.ON: spoken(phrases.please, folder), NoticeState.THANKS: spoken(phrases.thanks, folder)}


def _recorded(path: Path, _folder: Path) -> dict[NoticeState, Clip]:
    """Return the owner's sound; a thank-you is then shown and not said."""
    return {NoticeState.ON: normalised(read(path))}


def _loudness(rules: NoticeSettings) -> VolumeSchedule:
    quiet = hours_of(rules.quiet) if rules.quiet else None
    return VolumeSchedule(rules.volume, quiet, tuple(volume_hours_of(text) for text in rules.volume_hours))


def _tell_signs(publisher: Publisher, notice: Notice) -> None:
    """Tell other signs in the first language."""
    first = next(iter(notice.phrases), None)
    publisher.tell_signs(notice.state.value, first.text if first else "", first.language if first else "")
