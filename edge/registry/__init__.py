"""Model bundles: signed files of models, the store of installed ones, and what decides which is in force.

A bundle is one file (`edge/registry/bundle.py`), signed in minisign's format (`edge/registry/signature.py`). The store
(`edge/registry/store.py`) keeps each installed bundle as a version, and names up to three of them by an alias: the
champion is in force, the challenger waits for its promotion, and the previous champion is what a rollback returns to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

BUILT_IN = "built-in"
"""What stands in place of a version's hash for the models that ship with the package."""


@dataclass(frozen=True, slots=True)
class Version:
    """An unpacked bundle: a folder with `face/` and `mask/`, as `models/` has them.

    sha256: of the bundle's list of files, which names it.  key: id of the key that signed it; empty: unsigned.
    sequence, expires: from the signature's trusted comment: the number that grows with each release, and the last day
    on which it may be installed.
    """

    folder: Path
    sha256: str
    key: str = ""
    sequence: int = 0
    expires: date | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What a gate decides on a challenger, with one sentence for each reason."""

    passes: bool
    reasons: tuple[str, ...] = ()


class Gate(Protocol):
    """Decides whether a challenger may become the champion."""

    def decide(self, champion: Path, challenger: Path) -> Decision:
        """Return whether the challenger may be promoted, and why.

        champion, challenger: folders with `face/` and `mask/`; the first is that of the built-in models where no
        version is the champion. The folder's name is the hash of the version.
        """
        ...


class OpenGate:
    """Lets every challenger pass: for a store whose operator measures by other means."""

    def decide(self, champion: Path, challenger: Path) -> Decision:  # noqa: ARG002 - the protocol's
        """Return that it passes."""
        return Decision(passes=True)
