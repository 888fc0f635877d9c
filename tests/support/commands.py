"""The commands as the service builds them, carried out by nothing."""

from __future__ import annotations

from edge.app.commands import build_commands
from edge.app.notice import build_notice_policy
from edge.publish.command import Command
from edge.settings.load import load


def commands_of(*overrides: str) -> tuple[Command, ...]:
    settings = load(overrides=overrides).settings
    return build_commands(settings, build_notice_policy(settings.notice), lambda _key, _value: None, lambda: None)


COMMANDS = {command.key: command for command in commands_of()}
