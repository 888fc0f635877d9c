"""Diagnostics: what is missing or wrong on this machine, and the command that fixes it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FindingState(StrEnum):
    """How serious a finding is; the value is the word in the table and in the JSON."""

    OK = "ok"
    WARNING = "warning"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found, and what fixes it."""

    name: str
    state: FindingState
    text: str
    fix: str = ""
