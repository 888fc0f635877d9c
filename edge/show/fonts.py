"""Find a font that has the letters of a text, in any script."""

from __future__ import annotations

import logging
import subprocess
from functools import lru_cache
from pathlib import Path

import cv2
from PIL import ImageFont

from edge import programs

log = logging.getLogger(__name__)

_KNOWN = (
    Path("/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf"),  # Debian, fonts-dejavu-core
    Path(cv2.__file__).parent / "qt/fonts/DejaVuSans-Bold.ttf",  # in the wheel of opencv-python
)
"""DejaVu Sans Bold: Latin with all accents, Greek, Cyrillic, Arabic; wide, open letters, legible from afar."""
_MISSING = "\U0010ffff"
_DEADLINE_S = 5.0


@lru_cache(maxsize=64)
def font_for(text: str) -> Path:
    """Return the file of a bold font that has every letter of `text`, as far as this machine has one."""
    known = [path for path in _KNOWN if path.exists()]
    for path in known:
        if covers(path, text):
            return path
    found = _find_by_fontconfig(text)
    if found is not None and covers(found, text):
        return found
    log.warning("sign: no font has all letters of %r; fix: sudo apt install fontconfig fonts-noto", text)
    return (known + ([found] if found else []) or [Path("DejaVuSans-Bold.ttf")])[0]


def covers(path: Path, text: str) -> bool:
    """Return whether a font has every letter of `text`: it draws a letter that it lacks as its missing glyph."""
    font = ImageFont.truetype(path, 24)
    missing = _glyph(font, _MISSING)
    return all(_glyph(font, letter) != missing for letter in set(text) if not letter.isspace())


def _glyph(font: ImageFont.FreeTypeFont, letter: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(letter)
    return mask.size, bytes(mask)


def _find_by_fontconfig(text: str) -> Path | None:
    """Return the font that the system uses for these letters. Source: fc-match(1), fonts-conf(5), charset."""
    program = programs.path_of("fc-match")
    if program is None:
        return None
    letters = " ".join(sorted({f"{ord(letter):x}" for letter in text if not letter.isspace()}))
    command = [program, "--format", "%{file}", f"sans:bold:charset={letters}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_DEADLINE_S, check=False)  # noqa: S603 - fontconfig's
    except (OSError, subprocess.SubprocessError):
        return None
    return Path(done.stdout) if done.stdout and Path(done.stdout).exists() else None
