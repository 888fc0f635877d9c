"""Questions in the terminal by keyboard alone: Enter takes what stands in brackets."""

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
    """A conversation on one console; numbers its parts."""

    def __init__(self, console: Console, *, parts: int) -> None:
        """Talk on `console`, in a known number of parts."""
        self.console, self._parts, self._part = console, parts, 0

    def part(self, title: str) -> None:
        """Begin a part."""
        self._part += 1
        self.console.print()
        self.console.print(Rule(f"{self._part}/{self._parts} {title}", align="left", style="dim"))

    def say(self, text: str, style: str = "") -> None:
        """Say something as it is: no markup, no highlighting."""
        self.console.print(Text(text, style))

    def ask(self, question: str, default: str, check: Callable[[str], str] = lambda _: "") -> str:
        """Return an answer; `check` returns what is wrong with one, and it is asked again."""
        while True:
            answer = Prompt.ask(Text(question), console=self.console, default=default, show_default=bool(default))
            wrong = check(answer.strip())
            if not wrong:
                return answer.strip()
            self.say(wrong, "yellow")

    def forget_typed(self) -> None:
        """Forget what was typed while nothing was asked: an impatient Enter answers no question yet to come."""
        if sys.stdin.isatty():
            termios.tcflush(sys.stdin, termios.TCIFLUSH)

    def number(self, question: str, default: float, low: float, high: float) -> float:
        """Return a number within bounds."""

        def check(text: str) -> str:
            try:
                return "" if low <= float(text) <= high else f"between {low:g} and {high:g}, please"
            except ValueError:
                return "a number, please"

        return float(self.ask(question, f"{default:g}", check))

    def secret(self, question: str) -> str:
        """Return what is typed and not shown."""
        # not rich's: it asks before it hides, and shows what is typed at once
        return getpass.getpass(f"{question}: ")

    def yes(self, question: str, *, default: bool) -> bool:
        """Return a decision."""
        return Confirm.ask(Text(question), console=self.console, default=default)

    def choose(self, question: str, choices: Sequence[tuple[str, str]], default: str) -> str:
        """Return the value of a numbered choice of (value, description)."""
        for number, (_, description) in enumerate(choices, 1):
            self.say(f"  {number}  {description}")
        values = [value for value, _ in choices]
        standing = values.index(default) + 1 if default in values else 1

        def check(text: str) -> str:
            fits = text.isdecimal() and 1 <= int(text) <= len(values)
            return "" if fits else f"a number from 1 to {len(values)}, please"

        return values[int(self.ask(question, str(standing), check)) - 1]
