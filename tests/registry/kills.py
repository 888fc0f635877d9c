"""Kill install, promote and rollback at every system call, and check that the store holds the old state or the new one.

    python -m tests.registry.kills

A child process runs the command under ptrace(2). At its Nth system call it is killed, for every N until the command
ends by itself. Then the aliases must be those of before or those of after, every version that they name must be whole,
and the same command again must bring the new state and leave nothing else.
"""

from __future__ import annotations

import ctypes
import io
import os
import shutil
import signal
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from edge import paths
from edge.errors import EdgeError
from edge.registry import OpenGate
from tests.support.bundles import Signer, accept, small_bundle, store_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.registry.store import Store

_TRACEME, _CONT_TO_CALL, _OPTIONS, _TRACE_CALLS, _EXIT_WITH_TRACER = 0, 24, 0x4200, 0x1, 0x100000
"""Source: sys/ptrace.h: PTRACE_TRACEME, _SYSCALL, _SETOPTIONS, PTRACE_O_TRACESYSGOOD, _EXITKILL."""
_CALL_STOP = signal.SIGTRAP | 0x80
_libc = ctypes.CDLL(None, use_errno=True)
SIGNER = Signer()


def killed_at(call: int, command: Callable[[], object]) -> bool:
    """Run a command in a child that is killed at the entry of a system call; return whether it came that far."""
    child = os.fork()
    if child == 0:
        _libc.ptrace(_TRACEME, 0, 0, 0)
        os.kill(os.getpid(), signal.SIGSTOP)
        with suppress(EdgeError):
            command()
        os._exit(0)
    os.waitpid(child, 0)
    _ptrace(_OPTIONS, child, _TRACE_CALLS | _EXIT_WITH_TRACER)
    entries, is_entry, signal_to_pass = 0, True, 0
    while True:
        _ptrace(_CONT_TO_CALL, child, signal_to_pass)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0, status
            return False
        stopped_by = os.WSTOPSIG(status)
        signal_to_pass = 0 if stopped_by == _CALL_STOP else stopped_by
        if stopped_by == _CALL_STOP:
            entries += is_entry
            if is_entry and entries == call:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                return True
            is_entry = not is_entry


def _ptrace(request: int, child: int, data: int) -> None:
    if _libc.ptrace(request, child, ctypes.c_void_p(0), ctypes.c_void_p(data)) == -1:
        raise OSError(ctypes.get_errno(), "ptrace")


class Case:
    """A store in which a command is killed again and again, from the same state."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self._origin, self.folder = folder / "origin", folder / "store"
        store = store_in(self._origin, SIGNER)
        bundles = [small_bundle(folder / f"{n}", str(n), signer=SIGNER, sequence=n) for n in (1, 2, 3)]
        self.first, self.second = (self._install(store, bundle) for bundle in bundles[:2])
        store.promote(self.first, OpenGate(), paths.models(), accept)
        if name == "rollback":
            store.promote(self.second, OpenGate(), paths.models(), accept)
        self._third = bundles[2]
        self.before = store.aliases()
        self.reset()
        self.run()
        self.after = self.store.aliases()

    @property
    def store(self) -> Store:
        return store_in(self.folder, SIGNER)

    def reset(self) -> None:
        """Put the store into the state before the command."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self._origin, self.folder, symlinks=True)

    def run(self) -> None:
        """Run the command."""
        if self.name == "install":
            self._install(self.store, self._third)
        elif self.name == "promote":
            self.store.promote(self.second, OpenGate(), paths.models(), accept)
        else:
            self.store.rollback()

    def check(self, call: int) -> str:
        """Return `old` or `new`; fail on anything else, or where the next command does not heal the store."""
        store, found = self.store, self.store.aliases()
        assert found in (self.before, self.after), f"{self.name}, call {call}: {found}"
        for sha256 in filter(None, (found.champion, found.challenger, found.previous)):
            store.version(sha256)
        if found == self.before:
            self.run()
        else:
            store.prune()
        assert store.aliases() == self.after, f"{self.name}, call {call}: the next command"
        assert not list((self.folder / "incoming").iterdir()), f"{self.name}, call {call}: something is left"
        return "old" if found == self.before else "new"

    @staticmethod
    def _install(store: Store, bundle: bytes) -> str:
        return store.install(io.BytesIO(bundle), "bundle", accept).sha256


def kill_everywhere(name: str) -> dict[str, int]:
    """Kill one command at each of its system calls; return how often the old and the new state was found."""
    counts = {"old": 0, "new": 0}
    with tempfile.TemporaryDirectory() as folder:
        case, call = Case(Path(folder), name), 1
        assert case.before != case.after
        while True:
            case.reset()
            if not killed_at(call, case.run):
                return counts
            counts[case.check(call)] += 1
            call += 1


def main() -> None:
    """Print one line per command."""
    for name in ("install", "promote", "rollback"):
        counts = kill_everywhere(name)
        sys.stdout.write(f"{name}: killed {sum(counts.values())} times: {counts['old']} old, {counts['new']} new\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
