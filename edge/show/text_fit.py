"""Fit text into a box: in the largest letters, in even lines, with no single word on the last line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from PIL import ImageFont

from edge.show.fonts import font_for

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LINE, GAP = 1.22, 0.5
"""Height of a line, and of the gap between two languages, in letter sizes."""
_SENTENCE = re.compile(r"(?<=[.!?…])\s+")
_NEAT, _STEPS = 0.75, 16
"""Each sentence on lines of its own and no single last word, where the letters keep this share of their size."""
_ALONE = 0.6
"""A last word shorter than this share of the widest line counts as a single word."""
_SMALLEST_PX = 8


@dataclass(frozen=True, slots=True)
class Fitted:
    """A text broken into lines; None is a gap between languages.  size_px: size of the font."""

    lines: tuple[str | None, ...]
    size_px: int

    @property
    def height_px(self) -> float:
        """Height of all lines."""
        return sum(GAP * self.size_px if line is None else LINE * self.size_px for line in self.lines)


@lru_cache(maxsize=32)
def fit(text: str, box_px: tuple[int, int], largest_px: int | None = None) -> Fitted:
    """Return a text of one line per language, broken to fill a box of width and height; letters have 8 px or more.

    largest_px: upper limit of the size of letters.
    """
    path = font_for(text)
    largest = _largest(text, path, box_px, largest_px)
    for step in range(_STEPS + 1):
        size_px = round(largest.size_px * (1 - (1 - _NEAT) * step / _STEPS))
        font = ImageFont.truetype(path, max(size_px, _SMALLEST_PX))
        languages = [
            [_even(_words(sentence), font, box_px[0]) for sentence in sentences] for sentences in _sentences(text)
        ]
        neat = _fitted(languages, font)
        if _fits(neat, font, box_px) and not any(
            _ends_alone(lines, neat, font) for sentences in languages for lines in sentences
        ):
            return neat
    return largest


def _largest(text: str, path: Path, box_px: tuple[int, int], largest_px: int | None) -> Fitted:
    """Return the text in the largest letters that fit, whether or not its lines break well."""
    smallest, largest = _SMALLEST_PX, max(_SMALLEST_PX + 1, min(box_px[1], largest_px or box_px[1]) + 1)
    best: Fitted | None = None
    while best is None or largest - smallest > 1:
        size_px = smallest if best is None else (smallest + largest) // 2
        font = ImageFont.truetype(path, size_px)
        fitted = _fitted([[_even(_words(line), font, box_px[0])] for line in text.splitlines()], font)
        if best is None or _fits(fitted, font, box_px):
            smallest, best = size_px, fitted
        else:
            largest = size_px
    return best


def _sentences(text: str) -> list[list[str]]:
    return [_SENTENCE.split(line.strip()) for line in text.splitlines()]


def _fitted(languages: Sequence[Sequence[Sequence[str]]], font: ImageFont.FreeTypeFont) -> Fitted:
    """Join the lines of each sentence of each language, with a gap between two languages."""
    lines: list[str | None] = []
    for sentences in languages:
        lines += [None] if lines else []
        lines += [line for sentence in sentences for line in sentence]
    return Fitted(tuple(lines), round(font.size))


def _fits(fitted: Fitted, font: ImageFont.FreeTypeFont, box_px: tuple[int, int]) -> bool:
    return fitted.height_px <= box_px[1] and _widest(fitted, font) <= box_px[0]


def _ends_alone(sentence: Sequence[str], fitted: Fitted, font: ImageFont.FreeTypeFont) -> bool:
    """Return whether a sentence of several lines ends with a single word, much shorter than the widest line."""
    last = sentence[-1]
    return len(sentence) > 1 and " " not in last and font.getlength(last) < _ALONE * _widest(fitted, font)


def _widest(fitted: Fitted, font: ImageFont.FreeTypeFont) -> float:
    return max((font.getlength(line) for line in fitted.lines if line is not None), default=0.0)


def _words(text: str) -> list[str]:
    """Return words, each with the space before it; in CJK scripts, letters. Source: Unicode, CJK from U+2E80."""
    words: list[str] = []
    for word in text.split():
        cjk = any("\u2e80" <= letter <= "\u9fff" for letter in word)
        pieces = list(word) if cjk else [word]
        words += [(" " if words else "") + pieces[0], *pieces[1:]]
    return words


def _even(words: Sequence[str], font: ImageFont.FreeTypeFont, width_px: int) -> list[str]:
    """Return the words in the fewest lines, as even as possible, with no single short word on the last line.

    A word that is wider than a line has a line of its own. Source: Knuth and Plass, 1981, least squares of the slack.
    """
    best: list[tuple[int, bool, float, list[str]]] = [(0, False, 0.0, [])]
    for end in range(1, len(words) + 1):
        choices = []
        for start in range(end):
            line = "".join(words[start:end]).strip()
            length = font.getlength(line)
            if length <= width_px or start == end - 1:
                count, _, slack, lines = best[start]
                alone = start == end - 1 > 0 and length < _ALONE * width_px
                choices.append((count + 1, alone, slack + (width_px - length) ** 2, [*lines, line]))
        best.append(min(choices, key=lambda choice: choice[:3]))
    return best[-1][-1]
