"""Phrases spoken by espeak-ng into clips, once, before the first notice."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from edge import programs
from edge.notice.sound import Clip, SoundError, joined, normalised, read

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edge.data import Phrase

_WORDS_A_MINUTE = 145
"""Slower than espeak-ng's own 175: to be understood over traffic, and by people who are learning the language."""
_DEADLINE_S = 30.0


def spoken(phrases: Sequence[Phrase], folder: Path) -> Clip:
    """Return the phrases spoken one after another, equally loud; `folder` is for temporary files.

    Raises:
        SoundError: espeak-ng is not installed, does not speak a language, or is stuck.
    """
    return joined([normalised(_speak(phrase, folder / "phrase.wav")) for phrase in phrases])


def _speak(phrase: Phrase, path: Path) -> Clip:
    path.unlink(missing_ok=True)
    how = ["-v", phrase.language, "-s", str(_WORDS_A_MINUTE), "-w", str(path)]
    program = programs.path_of("espeak-ng")
    if program is None:
        raise SoundError("espeak-ng is not installed; fix: sudo apt install espeak-ng")
    try:
        done = subprocess.run(  # noqa: S603 - the language is checked by the settings, the words come by stdin
            [program, *how, "--stdin"],
            input=phrase.text.encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=_DEADLINE_S,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise SoundError(f"espeak-ng cannot speak: {error}") from error
    if done.returncode != 0 or not path.exists():
        message = (done.stderr.decode(errors="replace").strip().splitlines() or [f"it ended with {done.returncode}"])[
            -1
        ]
        raise SoundError(
            f'espeak-ng does not speak "{phrase.language}": {message}; fix: choose one of espeak-ng --voices'
        )
    return read(path)
