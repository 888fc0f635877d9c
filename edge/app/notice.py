"""Joins the notice to the people nearby: its rules, and the outputs on this device."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from edge.app.components import stamp
from edge.clock import Clock
from edge.data import NoticeState
from edge.errors import ConfigError
from edge.notice.lamp import Bell, Buzzer, Lamp
from edge.notice.phrases import IDLE, PLEASE, THANKS, Phrases, lines_of, worded
from edge.notice.player import Player
from edge.notice.policy import NoticePolicy, NoticeRules, NoticeTiming
from edge.notice.schedule import VolumeSchedule, hours_of, minute_of_day, volume_hours_of
from edge.notice.sound import Clip, normalised, read
from edge.notice.speech import spoken
from edge.notice.voice import Voice

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.app.components import Components
    from edge.notice.problems import Problems
    from edge.pipeline import Sink
    from edge.settings.schema import NoticeSettings


def build_notice_policy(settings: NoticeSettings, wall: Callable[[], float] | None = None) -> NoticePolicy:
    """Return the policy; `wall` returns seconds since 1970, None stands for the clock of this machine."""
    wall = wall or Clock().wall
    return NoticePolicy(notice_rules(settings), lambda: minute_of_day(wall()))


def notice_rules(settings: NoticeSettings) -> NoticeRules:
    """Return what the settings make of the policy."""
    quiet = hours_of(settings.quiet) if settings.quiet else None
    by_hour = tuple(volume_hours_of(text) for text in settings.volume_hours)
    return NoticeRules(
        phrases_of(settings),
        NoticeTiming(settings.hold_s, settings.repeat_s, settings.remind_s, settings.reminders),
        VolumeSchedule(settings.volume, quiet, by_hour),
        near_m=settings.near_m,
        enabled=settings.enabled,
    )


def build_notice_outputs(settings: NoticeSettings, problems: Problems, keep: Components) -> list[Sink]:
    """Return the outputs on this device; they come before all other sinks and wait for no disk and no network."""
    rings = settings.banner and sys.stderr.isatty()
    bell: list[Sink] = [Bell(sys.stderr)] if rings else []
    voice: list[Sink] = [] if settings.voice == "off" else [_voice(settings, problems, keep)]
    return [*bell, *_pins(settings, problems, keep), *voice]


def phrases_of(settings: NoticeSettings) -> Phrases:
    """Return the words that the settings specify."""
    please = worded(settings.languages, settings.phrase, PLEASE)
    return Phrases(please, worded(settings.languages, settings.thanks, THANKS))


def sign_texts(settings: NoticeSettings) -> tuple[str, str, str]:
    """Return what a sign shows without a notice, for a notice and for thanks, one line per language."""
    phrases, idle = phrases_of(settings), worded(settings.languages, settings.sign_text, IDLE)
    return lines_of(idle), lines_of(phrases.please), lines_of(phrases.thanks)


def night_of(hours: str) -> Callable[[], bool]:
    """Return whether it is night by `hours`, "21:00-06:00" or "", as a function; never while the clock is not set.

    Raises:
        ConfigError: the hours cannot be understood.
    """
    try:
        night = hours_of(hours) if hours else None
    except ValueError as error:
        raise ConfigError(f"notice.sign_night: {hours}: {error}") from None
    clock = Clock()
    return lambda: night is not None and clock.synced() and minute_of_day(clock.wall()) in night


def _pins(settings: NoticeSettings, problems: Problems, keep: Components) -> list[Lamp | Buzzer]:
    """Return lamp and buzzer: one component, since a pin may move from one to the other."""

    def open_pins() -> list[Lamp | Buzzer]:
        opened: list[Lamp | Buzzer] = []
        if settings.lamp_pin:
            opened.append(Lamp(settings.lamp_pin, partial(problems.report, "lamp")))
        if settings.buzzer_pin:
            opened.append(Buzzer(settings.buzzer_pin, partial(problems.report, "buzzer")))
        return opened

    def close_pins(opened: list[Lamp | Buzzer]) -> None:
        for output in opened:
            output.close()
        problems.forget("lamp", "buzzer")

    return keep("pins", (settings.lamp_pin, settings.buzzer_pin), open_pins, close_pins)


def _voice(settings: NoticeSettings, problems: Problems, keep: Components) -> Voice:
    phrases = phrases_of(settings)
    runtime = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0] or os.environ.get("XDG_RUNTIME_DIR", "")
    folder = runtime if Path(runtime).is_dir() else None
    prepare = partial(_spoken, phrases) if settings.voice == "espeak" else partial(_recorded, Path(settings.voice))

    def open_voice() -> Voice:
        return Voice(prepare, Player(), partial(problems.report, "voice"), folder=folder or None)

    def close_voice(voice: Voice) -> None:
        voice.close()
        problems.forget("voice")

    return keep("voice", (settings.voice, stamp(settings.voice), phrases, folder), open_voice, close_voice)


def _spoken(phrases: Phrases, folder: Path) -> dict[NoticeState, Clip]:
    return {NoticeState.ON: spoken(phrases.please, folder), NoticeState.THANKS: spoken(phrases.thanks, folder)}


def _recorded(path: Path, _folder: Path) -> dict[NoticeState, Clip]:
    """Return the owner's sound; a thank-you is then shown and not spoken."""
    return {NoticeState.ON: normalised(read(path))}
