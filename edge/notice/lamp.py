"""Lamp and buzzer at pins of the board, by gpiozero; the only module that imports it."""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, Any

from edge.data import NoticeState

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.data import Notice

_BEEP_S = 0.12
_MEND = "mend: sudo apt install python3-lgpio, be in the group gpio, and start in a folder that may be written to"
"""The last, since lgpio makes a pipe in the folder that it is started in."""


class Lamp:
    """Announcer that lights a lamp while a notice stands."""

    def __init__(self, pin: str, tell: Callable[[str], None], *, pin_factory: Any = None) -> None:  # noqa: ANN401 - gpiozero has no types
        """Open `pin`, such as GPIO17; `tell` is told what is wrong, and an empty text when all is well."""
        self._device = _Device("LED", pin, tell, pin_factory)

    def announce(self, notice: Notice) -> None:
        """Light it for a notice; a thank-you needs no lamp."""
        self._device.do("on" if notice.state is NoticeState.ON else "off")

    def clear(self) -> None:
        """Put it out."""
        self._device.do("off")

    def close(self) -> None:
        """Put it out and give the pin back."""
        self._device.do("close")


class Buzzer:
    """Announcer that beeps twice whenever a notice may be heard."""

    def __init__(self, pin: str, tell: Callable[[str], None], *, pin_factory: Any = None) -> None:  # noqa: ANN401 - gpiozero has no types
        """Open `pin`, such as GPIO27; `tell` is told what is wrong, and an empty text when all is well."""
        self._device = _Device("Buzzer", pin, tell, pin_factory)

    def announce(self, notice: Notice) -> None:
        """Beep twice, on a thread of gpiozero's own."""
        if notice.state is NoticeState.ON and notice.volume > 0:
            self._device.do("beep", on_time=_BEEP_S, off_time=_BEEP_S, n=2, background=True)

    def clear(self) -> None:
        """Do nothing: a beep ends by itself."""

    def close(self) -> None:
        """Be silent and give the pin back."""
        self._device.do("close")


class _Device:
    """One output of gpiozero's, or nothing where it cannot be opened."""

    def __init__(self, kind: str, pin: str, tell: Callable[[str], None], pin_factory: Any) -> None:  # noqa: ANN401
        self._pin, self._tell = pin, tell
        self._output = None
        try:
            import gpiozero  # noqa: PLC0415 - only where a pin is set

            with warnings.catch_warnings():  # one line for each library that is not there
                warnings.simplefilter("ignore")
                self._output = getattr(gpiozero, kind)(pin, pin_factory=pin_factory)
        except _errors() as error:
            tell(f"{pin} cannot be opened: {error}; {_MEND}")

    def do(self, action: str, **how: Any) -> None:  # noqa: ANN401 - handed on
        if self._output is None:
            return
        try:
            getattr(self._output, action)(**how)
            self._tell("")
        except _errors() as error:
            self._tell(f"{self._pin} does not work: {error}")


def _errors() -> tuple[type[BaseException], ...]:
    """Return what gpiozero and the library below it raise, as far as they could be imported."""
    names = (("gpiozero", "GPIOZeroError"), ("lgpio", "error"))
    found = [getattr(sys.modules.get(module), name, None) for module, name in names]
    return (OSError, ImportError, ValueError, RuntimeError, *(error for error in found if error is not None))
