"""A thread for calls that may hang: one at a time, each waited for up to a deadline."""

from __future__ import annotations

import queue
import threading
import time
from typing import TYPE_CHECKING, Generic, TypeVar

from edge.errors import ThreadStuck

if TYPE_CHECKING:
    from collections.abc import Callable

_R = TypeVar("_R")


class Call(Generic[_R]):
    """A call that was passed to a worker; `took_s` is set once it is done."""

    def __init__(self, function: Callable[[], _R]) -> None:
        """Prepare a call of `function`."""
        self._function = function
        self._done = threading.Event()
        self._began_at = time.monotonic()
        self._results: list[_R] = []
        self._error: Exception | None = None
        self.took_s = 0.0

    def run(self) -> None:
        """Make the call."""
        try:
            self._results.append(self._function())
        except Exception as error:  # noqa: BLE001 - raised again where the result is read
            self._error = error
        self.took_s = time.monotonic() - self._began_at
        self._done.set()

    def wait(self, timeout_s: float) -> bool:
        """Return whether the call is done, after waiting for it."""
        return self._done.wait(timeout_s)

    @property
    def result(self) -> _R:
        """What the call returned; raises what it raised."""
        if self._error:
            raise self._error
        return self._results[0]


class Worker:
    """Makes calls on its own thread, in order."""

    def __init__(self, name: str) -> None:
        """Prepare the thread; it starts with the first call."""
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def call(self, function: Callable[[], _R]) -> Call[_R]:
        """Queue a call and return at once."""
        call = Call(function)
        if self._thread.ident is None:
            self._thread.start()
        self._calls.put(call.run)
        return call

    def close(self, timeout_s: float) -> bool:
        """Stop after the queued calls; return whether that was in time."""
        self._calls.put(None)
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while run := self._calls.get():
            run()


def check_alive(thread: threading.Thread, stop: threading.Event) -> None:
    """Raise ThreadStuck when a thread has ended without `stop`: only a restart of the process fixes that."""
    if not (thread.is_alive() or stop.is_set()):
        raise ThreadStuck(f"the thread {thread.name} has ended")
