"""What is wrong with lamp, buzzer, voice and sign: logged when it changes, published as a problem while it lasts."""

from __future__ import annotations

import logging

log = logging.getLogger(__name__)


class Problems:
    """The problems of all outputs by name; any thread may report one."""

    def __init__(self) -> None:
        """Start with none."""
        self._texts: dict[str, str] = {}

    def report(self, name: str, text: str) -> None:
        """Note what is wrong with the output `name`, with its fix; an empty text means that it works again."""
        if self._texts.get(name, "") == text:
            return
        self._texts = {**self._texts, name: text}  # a new dict: `text` may be read on another thread meanwhile
        if text:
            log.warning("notice: %s: %s; the service continues", name, text)
        else:
            log.info("notice: %s: works again", name)

    def forget(self, *names: str) -> None:
        """Forget outputs that exist no longer, and their problems."""
        self._texts = {name: text for name, text in self._texts.items() if name not in names}

    @property
    def text(self) -> str:
        """All problems in one line, "lamp: …; voice: …"; empty while there is none."""
        return "; ".join(f"{name}: {text}" for name, text in self._texts.items() if text)
