"""The setup wizard: a dialogue that writes a settings file, and changes nothing before its last question."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from edge.doctor.service import service
from edge.errors import ConfigError, EdgeError, OutputError
from edge.paths import SERVICE_PASSWORDS
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

_STEPS = 6
_PASSWORD_FILES = ("camera.password_file", "mqtt.password_file")
_ALWAYS = ("mqtt.host", "camera.source")
"""Written even if unchanged: what people look for in a settings file."""
_HEAD = "# Settings of maskwatch, written by `maskwatch setup`. All others have their default: `maskwatch check`.\n"


@dataclass(frozen=True, slots=True)
class Target:
    """The file that the wizard writes, and the environment that will read it."""

    file: Path
    environment: Environment

    @property
    def for_service(self) -> bool:
        """Whether the service reads it."""
        return self.file == SYSTEM_FILE

    def password_file(self, section: str) -> Path:
        """Return the file of a password: the one that the service's unit reads, else one next to the settings file."""
        if self.for_service:
            return SERVICE_PASSWORDS / f"{section}-password"
        return self.file.absolute().with_suffix(".password" if section == "mqtt" else f".{section}-password")


def run_wizard(
    console: Console,
    host: Host,
    target: Target,
    settings: Settings,
    detector: Detector,
    refuse: Callable[[Settings], object],
) -> bool:
    """Ask step by step, then write; return whether the file was written.

    refuse: raises EdgeError for settings that `run` would refuse, such as earlier ones in the file.

    Raises:
        ConfigError, OutputError: the file cannot be written; the answers are printed first.
    """
    prompts = Prompts(console, steps=_STEPS)
    prompts.print("maskwatch setup: press Enter to accept the default in brackets, Ctrl-C to quit without changes.")
    prompts.print(f"It will {'change' if target.file.exists() else 'create'} {target.file}.")
    setup = questions.Setup(prompts, host, settings)
    answers = questions.device(setup)
    passwords = {}
    of_camera, passwords["camera"] = questions.camera(setup, detector)
    answers |= of_camera
    known = passwords["camera"] or None
    setup = replace(setup, settings=questions.with_answers(settings, answers), camera_password=known)
    of_broker, passwords["mqtt"] = questions.broker(setup)
    answers |= of_broker | questions.notice(setup) | questions.distance(setup)
    typed = {section: password for section, password in passwords.items() if password}
    for section in typed:  # systemd passes the service its passwords: then no setting names the file
        answers[f"{section}.password_file"] = "" if target.for_service else str(target.password_file(section))
    _warn(prompts, questions.with_answers(settings, {**answers, **dict.fromkeys(_PASSWORD_FILES, "")}), refuse)
    return _write(prompts, target, settings, answers, typed)


def _warn(prompts: Prompts, settings: Settings, refuse: Callable[[Settings], object]) -> None:
    """Print what else `run` would refuse; password files are left out, since they are written with the answers."""
    try:
        refuse(settings)
    except EdgeError as error:
        prompts.print(f"maskwatch run will refuse these settings: {error}", "yellow")


def _write(prompts: Prompts, target: Target, settings: Settings, answers: Answers, passwords: dict[str, str]) -> bool:
    """Show what will be written, and write it if the user confirms."""
    prompts.step("Write")
    before = settings.model_dump()
    wanted = {key: value for key, value in answers.items() if key in _ALWAYS or value != _value(before, key)}
    table = Table("setting", "value", "before")
    for key, value in wanted.items():
        table.add_row(key, Text(redacted(str(value))), Text(redacted(str(_value(before, key))), "dim"))
    prompts.console.print(table)
    exists = target.file.exists()
    question = f"Change {target.file}? Its comments and other settings are kept." if exists else f"Write {target.file}?"
    if not prompts.confirm(question, default=True):
        prompts.print("Nothing was changed.")
        return False
    try:
        _put(prompts, target, wanted, passwords)
    except (ConfigError, OutputError):
        prompts.print("Not written. Your answers, in the form of a settings file:", "yellow")
        prompts.print(edit.changed("", {key: _plain(value) for key, value in wanted.items()}, {}, "answers"))
        raise
    prompts.print(f"Written: {target.file}", "green")
    return True


def _put(prompts: Prompts, target: Target, wanted: Answers, passwords: dict[str, str]) -> None:
    """Write passwords and settings, each file atomically."""
    text = target.file.read_text("utf-8") if target.file.exists() else _HEAD
    text = edit.changed(text, wanted, reference.reasons(), str(target.file))
    for section, password in passwords.items():
        edit.write_secret(target.password_file(section), password)
        prompts.print(f"Password: {target.password_file(section)}, readable by its owner only.", "green")
    edit.write_settings(target.file, text, target.environment)


def _plain(value: Value) -> Value:
    return redacted(value) if isinstance(value, str) else value


def _value(settings: dict[str, dict[str, object]], key: str) -> object:
    section, _, name = key.partition(".")
    return settings[section][name]


def offer_start(console: Console, host: Host, target: Target) -> None:
    """Start the service with the new settings, or print how to start maskwatch."""
    prompts = Prompts(console, steps=_STEPS)
    if not target.for_service:
        prompts.print(f"To start: maskwatch run{'' if edit.is_read(target.file) else f' --config {target.file}'}")
        prompts.print("As a service: sudo make install in the repository, then sudo maskwatch setup")
    elif host.run(["systemctl", "cat", "maskwatch"]).code != 0:
        prompts.print("The service is not installed yet; fix: sudo make install in the repository")
    elif prompts.confirm("Start the service now and at every boot?", default=True):
        _start_service(prompts, host)
    prompts.print("If there is a problem later: maskwatch doctor")


def _start_service(prompts: Prompts, host: Host) -> None:
    answers = [host.run(["systemctl", verb, "maskwatch"]) for verb in ("enable", "restart")]
    failed = next((answer for answer in answers if answer.code), None)
    if failed:
        prompts.print(f"The service does not start: {failed.last_line}", "yellow")
    else:
        prompts.print(f"Service: {service(host).text}", "green")
