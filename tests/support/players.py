"""A player that records: put on PATH as aplay, it keeps when it was started and what it was to play."""

from __future__ import annotations

import time
from pathlib import Path

_SCRIPT = """#!/bin/sh
at=$(date +%s%N)
for file in "$@"; do :; done
number=$(ls "{folder}" | wc -l)
cp "$file" "{folder}/$at-$number.wav"
{more}
"""


class RecordingPlayer:
    """The folder of what was played; the file that tries the loudspeaker without a sound is not counted."""

    def __init__(self, folder: Path, more: str = "") -> None:
        self._played = folder / "played"
        self._played.mkdir(parents=True)
        self.programs = folder / "programs"
        self.programs.mkdir()
        self.write(more)

    def write(self, more: str) -> None:
        """Have the player do `more`, in sh, after it kept its file."""
        program = self.programs / "aplay"
        program.write_text(_SCRIPT.format(folder=self._played, more=more))
        program.chmod(0o755)

    @property
    def played(self) -> list[tuple[float, Path]]:
        """When each player was started, s on the monotonic clock, and its copy of the file, oldest first."""
        offset_s = time.time() - time.monotonic()
        named = sorted((int(path.name.partition("-")[0]), path) for path in self._played.glob("*.wav"))
        return [(at / 1e9 - offset_s, path) for at, path in named][1:]

    @property
    def tried(self) -> bool:
        """Whether the loudspeaker was tried."""
        return any(self._played.glob("*.wav"))
