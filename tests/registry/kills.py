"""Kill install, promote and rollback at every system call, and check that the store holds the old state or the new one.

    python -m tests.registry.kills

A child process runs the command under ptrace(2). The first run stops at each of its system calls and compares what is
on the disk with the call before; the command is then killed at every call that finds the disk changed. At the calls
between them the disk is the same, so a kill there leaves the same. Then the aliases must be those of before or those of
after, every version that they name must be whole, and the next command must heal the store and leave nothing else.
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


def stopped(command: Callable[[], object], at_call: Callable[[int, int], bool]) -> None:
    """Run a command in a child that is stopped at the entry of each system call.

    at_call: is given the child and the number of the call, and returns whether the child goes on.
    """
    child = os.fork()
    if child == 0:
        _libc.ptrace(_TRACEME, 0, 0, 0)
        os.kill(os.getpid(), signal.SIGSTOP)
        with suppress(EdgeError):
            command()
        os._exit(0)
    os.waitpid(child, 0)
    _ptrace(_OPTIONS, child, _TRACE_CALLS | _EXIT_WITH_TRACER)
    stops = 0
    while True:
        _ptrace(_CONT_TO_CALL, child, 0)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0, status
            return
        assert os.WSTOPSIG(status) == _CALL_STOP, status
        stops += 1
        if stops % 2 and not at_call(child, stops // 2 + 1):  # entry and exit take turns
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return


def on_disk(folder: Path) -> tuple[tuple[object, ...], ...]:
    """Return what changes when anything in a folder does."""
    found = [(str(path), path.lstat()) for path in folder.rglob("*")]
    return tuple(sorted((name, at.st_ino, at.st_size, at.st_mtime_ns, at.st_mode) for name, at in found))


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
    """Kill one command wherever the disk has changed; return the number of calls, and of old and new states found."""
    with tempfile.TemporaryDirectory() as folder:
        case, states = Case(Path(folder), name), []
        assert case.before != case.after
        case.reset()

        def note(_child: int, call: int) -> bool:
            states.append((call, on_disk(case.folder)))
            return True

        stopped(case.run, note)
        changed = [call for (call, now), (_, last) in zip(states[1:], states, strict=False) if now != last]
        counts = {"calls": len(states), "old": 0, "new": 0}
        for killed_at in (1, *changed):
            case.reset()
            stopped(case.run, lambda _child, call, at=killed_at: call < at)
            counts[case.check(killed_at)] += 1
    return counts


def main() -> None:
    """Print one line per command."""
    for name in ("install", "promote", "rollback"):
        counts = kill_everywhere(name)
        sys.stdout.write(f"{name}: {counts}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
