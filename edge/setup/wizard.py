"""The first ten minutes: a dialogue that ends in a settings file, and changes nothing before its last question."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from edge.doctor.service import PASSWORDS, service
from edge.errors import ConfigError, EdgeError, OutputError
from edge.redaction import redacted
from edge.settings import edit, reference
from edge.settings.load import SYSTEM_FILE
from edge.setup import questions
from edge.setup.prompt import Prompts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rich.console import Console

    from edge.detect import Detector
    from edge.doctor.host import Host
    from edge.settings.edit import Value
    from edge.settings.schema import Environment, Settings
    from edge.setup.questions import Answers

_PARTS = 6
_PASSWORD_FILES = ("camera.password_file", "mqtt.password_file")
_ALWAYS = ("mqtt.host", "camera.source")
"""Written also where they are as before: what a settings file is looked into for."""
_HEAD = "# Settings of this maskwatch, by `maskwatch setup`. What is not here keeps its default: `maskwatch check`.\n"


@dataclass(frozen=True, slots=True)
class Target:
    """The file that the dialogue writes, and the environment that will read it."""

    file: Path
    environment: Environment

    @property
    def for_service(self) -> bool:
        """Whether the service reads it."""
        return self.file == SYSTEM_FILE

    def password_file(self, section: str) -> Path:
        """Return where a password goes: for the service where its unit looks, else beside the file."""
        if self.for_service:
            return PASSWORDS / f"{section}-password"
        return self.file.absolute().with_suffix(".password" if section == "mqtt" else f".{section}-password")


def hold(
    console: Console,
    world: Host,
    target: Target,
    settings: Settings,
    detector: Detector,
    refuse: Callable[[Settings], object],
) -> bool:
    """Ask part by part, then write; return whether it was written.

    refuse: raises EdgeError for settings that a run would not take, such as some that were in the file before.

    Raises:
        ConfigError, OutputError: the file cannot be written; what was answered is printed first.
    """
    talk = Prompts(console, parts=_PARTS)
    talk.say("maskwatch setup: Enter takes what stands in brackets, Ctrl-C ends without a change.")
    talk.say(f"It {'changes' if target.file.exists() else 'makes'} {target.file}.")
    setup = questions.Setup(talk, world, settings)
    answers, passwords = questions.device(setup), {}
    of_camera, passwords["camera"] = questions.camera(setup, detector)
    answers |= of_camera
    known = passwords["camera"] or None
    setup = replace(setup, settings=questions.with_answers(settings, answers), camera_password=known)
    of_broker, passwords["mqtt"] = questions.broker(setup)
    answers |= of_broker | questions.notice(setup) | questions.distance(setup)
    typed = {section: password for section, password in passwords.items() if password}
    for section in typed:  # systemd hands the service its own: then no setting names the file
        answers[f"{section}.password_file"] = "" if target.for_service else str(target.password_file(section))
    _warn(talk, questions.with_answers(settings, {**answers, **dict.fromkeys(_PASSWORD_FILES, "")}), refuse)
    return _write(talk, target, settings, answers, typed)


def _warn(talk: Prompts, settings: Settings, refuse: Callable[[Settings], object]) -> None:
    """Say what else a run would refuse; password files are left out, since they are written with the answers."""
    try:
        refuse(settings)
    except EdgeError as error:
        talk.say(f"A run will refuse these settings: {error}", "yellow")


def _write(talk: Prompts, target: Target, settings: Settings, answers: Answers, passwords: dict[str, str]) -> bool:
    """Show what will be written, and write it if the user says so."""
    talk.part("Write")
    before = settings.model_dump()
    wanted = {key: value for key, value in answers.items() if key in _ALWAYS or value != _value(before, key)}
    table = Table("setting", "value", "before")
    for key, value in wanted.items():
        table.add_row(key, Text(redacted(str(value))), Text(redacted(str(_value(before, key))), "dim"))
    talk.console.print(table)
    there = target.file.exists()
    question = f"Change {target.file}? Its comments and all else in it stay." if there else f"Write {target.file}?"
    if not talk.yes(question, default=True):
        talk.say("Nothing was changed.")
        return False
    try:
        _put(talk, target, wanted, passwords)
    except (ConfigError, OutputError):
        talk.say("Not written. What you answered, as a settings file has it:", "yellow")
        talk.say(edit.changed("", {key: _plain(value) for key, value in wanted.items()}, {}, "answers"))
        raise
    talk.say(f"Written: {target.file}", "green")
    return True


def _put(talk: Prompts, target: Target, wanted: Answers, passwords: dict[str, str]) -> None:
    """Write passwords and settings, each file whole or not at all."""
    text = target.file.read_text("utf-8") if target.file.exists() else _HEAD
    text = edit.changed(text, wanted, reference.reasons(), str(target.file))
    for section, password in passwords.items():
        edit.write_secret(target.password_file(section), password)
        talk.say(f"Password: {target.password_file(section)}, for its owner alone.", "green")
    edit.write_settings(target.file, text, target.environment)


def _plain(value: Value) -> Value:
    return redacted(value) if isinstance(value, str) else value


def _value(settings: dict[str, dict[str, object]], key: str) -> object:
    section, _, name = key.partition(".")
    return settings[section][name]


def start(console: Console, world: Host, target: Target) -> None:
    """Start the service with the new settings, or say how a watch is started."""
    talk = Prompts(console, parts=_PARTS)
    if not target.for_service:
        talk.say(f"Start: maskwatch run{'' if edit.is_read(target.file) else f' --config {target.file}'}")
        talk.say("As a service: sudo make install in the clone, then sudo maskwatch setup")
    elif world.run(["systemctl", "cat", "maskwatch"]).code != 0:
        talk.say("The service is not installed yet: sudo make install, in the clone of the repository.")
    elif talk.yes("Start the service now, and with every start of the machine?", default=True):
        _start_service(talk, world)
    talk.say("Whatever is odd later: maskwatch doctor")


def _start_service(talk: Prompts, world: Host) -> None:
    answers = [world.run(["systemctl", verb, "maskwatch"]) for verb in ("enable", "restart")]
    failed = next((answer for answer in answers if answer.code), None)
    if failed:
        talk.say(f"It does not start: {failed.last_line}", "yellow")
    else:
        talk.say(f"The service: {service(world).text}", "green")
