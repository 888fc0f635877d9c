"""Sinks that signal a notice without words: lamp and buzzer at pins of the board, and the bell of the terminal.

The only module that imports gpiozero.
"""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, Any, TextIO

from edge.data import NoticeState

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.data import Scene

_BEEP_S = 0.12
_FIX = "fix: sudo apt install python3-lgpio, be in the group gpio, and start in a folder that may be written to"
"""The last, since lgpio makes a pipe in the folder that it is started in."""


class Lamp:
    """Sink that lights a lamp while a notice stands."""

    def __init__(self, pin: str, report: Callable[[str], None], *, pin_factory: Any = None) -> None:  # noqa: ANN401 - gpiozero has no types
        """Open `pin`, such as GPIO17; `report` takes what is wrong, and an empty text when it works again."""
        self._device = _Device("LED", pin, report, pin_factory)
        self._is_lit = False

    def put(self, scene: Scene) -> None:
        """Switch the lamp when the notice changes; a pin that failed is tried again with the next scene."""
        is_lit = scene.notice.state is NoticeState.ON
        if is_lit is not self._is_lit and self._device.do("on" if is_lit else "off"):
            self._is_lit = is_lit

    def close(self) -> None:
        """Switch it off and release the pin."""
        self._device.do("close")


class Buzzer:
    """Sink that beeps twice when a notice is to be heard."""

    def __init__(self, pin: str, report: Callable[[str], None], *, pin_factory: Any = None) -> None:  # noqa: ANN401 - gpiozero has no types
        """Open `pin`, such as GPIO27; `report` takes what is wrong, and an empty text when it works again."""
        self._device = _Device("Buzzer", pin, report, pin_factory)

    def put(self, scene: Scene) -> None:
        """Beep twice, on a thread of gpiozero's own."""
        if _is_heard(scene):
            self._device.do("beep", on_time=_BEEP_S, off_time=_BEEP_S, n=2, background=True)

    def close(self) -> None:
        """Stop beeping and release the pin."""
        self._device.do("close")


class Bell:
    """Sink that rings the bell of a terminal when a notice is to be heard."""

    def __init__(self, terminal: TextIO) -> None:
        """Ring on `terminal`."""
        self._terminal = terminal

    def put(self, scene: Scene) -> None:
        """Ring once."""
        if _is_heard(scene):
            self._terminal.write("\a")
            self._terminal.flush()


def _is_heard(scene: Scene) -> bool:
    """Return whether a notice begins to be heard in this scene; a thank-you is not signalled."""
    return scene.notice.state is NoticeState.ON and scene.notice.volume > 0


class _Device:
    """One output of gpiozero's, or nothing where it cannot be opened."""

    def __init__(self, kind: str, pin: str, report: Callable[[str], None], pin_factory: Any) -> None:  # noqa: ANN401
        self._pin, self._report = pin, report
        self._output = None
        try:
            import gpiozero  # noqa: PLC0415 - only where a pin is set

            with warnings.catch_warnings():  # one line for each library that is not there
                warnings.simplefilter("ignore")
                self._output = getattr(gpiozero, kind)(pin, pin_factory=pin_factory)
        except _errors() as error:
            report(f"{pin} cannot be opened: {error}; {_FIX}")

    def do(self, action: str, **how: Any) -> bool:  # noqa: ANN401 - passed on
        """Call a method of the output; return False where it failed."""
        if self._output is None:
            return True
        try:
            getattr(self._output, action)(**how)
            self._report("")
        except _errors() as error:
            self._report(f"{self._pin} does not work: {error}")
            return False
        return True


def _errors() -> tuple[type[BaseException], ...]:
    """Return what gpiozero and the library below it raise, as far as they could be imported."""
    names = (("gpiozero", "GPIOZeroError"), ("lgpio", "error"))
    found = [getattr(sys.modules.get(module), name, None) for module, name in names]
    return (OSError, ImportError, ValueError, RuntimeError, *(error for error in found if error is not None))
