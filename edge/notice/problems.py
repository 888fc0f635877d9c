"""What keeps a lamp, a voice or a sign from telling: logged once, and told as a problem while it lasts."""

from __future__ import annotations

import logging

log = logging.getLogger(__name__)


class Problems:
    """The troubles of all announcers by name; any thread may tell one."""

    def __init__(self) -> None:
        """Start with none."""
        self._texts: dict[str, str] = {}

    def tell(self, name: str, text: str) -> None:
        """Say what is wrong with the part `name` and how it is mended; an empty text says that all is well again."""
        if self._texts.get(name, "") == text:
            return
        self._texts = {**self._texts, name: text}  # a new dict: `text` may be read on another thread meanwhile
        if text:
            log.warning("notice: %s: %s; the watch goes on", name, text)
        else:
            log.info("notice: %s: well again", name)

    def forget(self, *names: str) -> None:
        """Forget parts that are there no more, and with them what was wrong."""
        self._texts = {name: text for name, text in self._texts.items() if name not in names}

    @property
    def text(self) -> str:
        """All troubles in one line, "lamp: …; voice: …"; empty while there is none."""
        return "; ".join(f"{name}: {text}" for name, text in self._texts.items() if text)
