"""Sound files played by the programs of the system's audio, one at a time, each with a deadline."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

from edge import programs
from edge.notice.sound import SoundError

_PLAYERS = (("pw-play",), ("paplay",), ("aplay", "--quiet"))
"""PipeWire's and PulseAudio's first: they share a sound card with other programs. Without a session, as in a service,
they end at once, and ALSA's opens the card itself."""
_FIX = "fix: sudo apt install alsa-utils"
_GRACE_S = 5.0


class Player:
    """Plays with the first program that can, and tries that one first from then on."""

    def __init__(self) -> None:
        """Find the programs that are installed."""
        self._commands = [
            (path, *command[1:]) for command in _PLAYERS for path in [programs.path_of(command[0])] if path
        ]
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False

    def play(self, path: Path, *, length_s: float) -> None:
        """Play to the end.

        Raises:
            SoundError: no program is installed, none can play, or one is stuck.
        """
        problem = f"there is no program that plays sound; {_FIX}"
        for command in self._commands:
            problem = self._run([*command, str(path)], length_s + _GRACE_S)
            if not problem:
                self._commands.remove(command)
                self._commands.insert(0, command)
                return
        raise SoundError(problem)

    def stop(self) -> None:
        """End the sound, and play none from now on; any thread may call this."""
        with self._lock:
            self._stopped = True
            if self._process is not None:
                self._process.terminate()

    def _run(self, command: list[str], deadline_s: float) -> str:
        """Return why a program could not play; empty where it did or was stopped."""
        name = Path(command[0]).name
        try:
            with self._lock:
                if self._stopped:
                    return ""
                self._process = subprocess.Popen(  # noqa: S603 - one of the three above
                    command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
                )
        except OSError as error:
            return f"{name} cannot be started: {error.strerror}"
        try:
            _, complaint = self._process.communicate(timeout=deadline_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            return f"{name} is stuck; fix: check with aplay -l whether there is a sound card"
        if self._process.returncode == 0 or self._stopped:
            return ""
        lines = complaint.decode(errors="replace").strip().splitlines() or ["no message"]
        return f"{name}: {lines[-1]}; fix: check with aplay -l whether there is a sound card"
