"""Questions in the terminal, answered by keyboard; Enter accepts the default in brackets."""

from __future__ import annotations

import getpass
import sys
import termios
from typing import TYPE_CHECKING

from rich.prompt import Confirm, Prompt
from rich.rule import Rule
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console


class Prompts:
    """Numbered steps of questions on one console."""

    def __init__(self, console: Console, *, steps: int) -> None:
        """Ask on `console`, in a known number of steps."""
        self.console = console
        self._steps = steps
        self._step = 0

    def step(self, title: str) -> None:
        """Print the heading of the next step."""
        self._step += 1
        self.console.print()
        self.console.print(Rule(f"{self._step}/{self._steps} {title}", align="left", style="dim"))

    def print(self, text: str, style: str = "") -> None:
        """Print a text without markup or highlighting."""
        self.console.print(Text(text, style))

    def ask(self, question: str, default: str, check: Callable[[str], str] = lambda _: "") -> str:
        """Return an answer; while `check` returns an error, print it and ask again."""
        while True:
            answer = Prompt.ask(Text(question), console=self.console, default=default, show_default=bool(default))
            wrong = check(answer.strip())
            if not wrong:
                return answer.strip()
            self.print(wrong, "yellow")

    def discard_typed_ahead(self) -> None:
        """Discard keys that were typed before a question: an early Enter must not answer it."""
        if sys.stdin.isatty():
            termios.tcflush(sys.stdin, termios.TCIFLUSH)

    def number(self, question: str, default: float, low: float, high: float) -> float:
        """Return a number from `low` to `high`."""

        def check(text: str) -> str:
            try:
                return "" if low <= float(text) <= high else f"enter a number from {low:g} to {high:g}"
            except ValueError:
                return "enter a number"

        return float(self.ask(question, f"{default:g}", check))

    def secret(self, question: str) -> str:
        """Return what is typed, without showing it."""
        # not rich's prompt: it asks before it hides the input, and shows keys typed at once
        return getpass.getpass(f"{question}: ")

    def confirm(self, question: str, *, default: bool) -> bool:
        """Return whether the user agrees."""
        return Confirm.ask(Text(question), console=self.console, default=default)

    def choose(self, question: str, choices: Sequence[tuple[str, str]], default: str) -> str:
        """Return the value of a numbered choice of (value, description)."""
        for number, (_, description) in enumerate(choices, 1):
            self.print(f"  {number}  {description}")
        values = [value for value, _ in choices]
        preselected = values.index(default) + 1 if default in values else 1

        def check(text: str) -> str:
            is_valid = text.isdecimal() and 1 <= int(text) <= len(values)
            return "" if is_valid else f"enter a number from 1 to {len(values)}"

        return values[int(self.ask(question, str(preselected), check)) - 1]
