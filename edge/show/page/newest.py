"""One value, newest wins, for any number of tasks that each wait at their own pace."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Generic, TypeVar

_T = TypeVar("_T")


class Newest(Generic[_T]):
    """The newest value and its number; lives on one event loop."""

    def __init__(self, value: _T) -> None:
        """Start with a value, number 0."""
        self.value, self.number = value, 0
        self._changed = asyncio.Event()

    def offer(self, value: _T) -> None:
        """Put a new value in the old one's place, and wake all who wait."""
        self.value = value
        self.number += 1
        self._changed.set()
        self._changed = asyncio.Event()

    async def after(self, number: int, timeout_s: float) -> int:
        """Return the number of the newest value, at once if it is not `number`, else when it changes or time is up."""
        if self.number == number:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._changed.wait()
        return self.number
