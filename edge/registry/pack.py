"""Make a bundle of a folder of models, signed by minisign where a secret key is named."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import cv2

from edge import programs
from edge.capture.demo import DemoCamera
from edge.errors import InputError, OutputError, Unavailable
from edge.files import replacing
from edge.registry import bundle
from edge.registry.content import GOLDEN_FRAMES, check_content
from edge.registry.signature import normal_form

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

_KINDS = ("face", "mask")
_GOLDEN_S = (4.0, 11.0, 15.0, 20.0, 27.0)
"""The seconds of the demo in which models/train/face/golden.py finds the faces of golden.json."""


def pack(models: Path, out: Path, sign: Callable[[Path], str] | None = None) -> str:
    """Write the bundle of the folders `face` and `mask` in `models`; return the hash that names it.

    The same files make the same bytes. Hidden files, links and Python files are left out.

    sign: returns the signature of the list of files, whose path it is given; None: the bundle is not signed.

    Raises:
        ModelError: a file that a bundle must hold is missing or not valid.
        OutputError: the bundle cannot be written.
    """
    check_content(models)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind in _KINDS:
            _copy(models / kind, folder / kind)
        if not (folder / GOLDEN_FRAMES).exists():
            _draw_golden_frames(folder / GOLDEN_FRAMES)
        sums = bundle.write_sums(folder)
        if sign:
            signature = normal_form(sign(folder / bundle.SUMS))
            (folder / bundle.SIGNATURE).write_text(signature, "utf-8")
        try:
            with replacing(out) as draft, draft.open("wb") as file:
                bundle.write_bundle(folder, file)
        except OSError as error:
            raise OutputError(f"{out}: cannot be written: {error.strerror}") from error
    return hashlib.sha256(sums).hexdigest()


def signed_by(key: Path, sequence: int, expires: date) -> Callable[[Path], str]:
    """Return what signs a list of files with a secret key of minisign, which asks for its password.

    Raises:
        Unavailable: minisign is not installed, or does not sign.
    """

    def sign(sums: Path) -> str:
        signature = sums.with_name(bundle.SIGNATURE)
        comment = f"sequence:{sequence} expires:{expires.isoformat()}"
        minisign = programs.path_of("minisign")
        if minisign is None:
            raise Unavailable("minisign is not installed; fix: sudo apt install minisign")
        command = [minisign, "-S", "-q", "-s", str(key), "-m", str(sums), "-x", str(signature), "-t", comment]
        if subprocess.run(command, check=False).returncode:  # noqa: S603 - a program of PATH, without a shell
            raise Unavailable(f"{key}: minisign has not signed with it, for the reason above")
        return signature.read_text("utf-8")

    return sign


def signed_before(signature: Path) -> Callable[[Path], str]:
    """Return what takes a signature that was made elsewhere, of the list of files of the same bundle.

    Raises:
        InputError: it cannot be read.
    """

    def sign(_sums: Path) -> str:
        try:
            return signature.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{signature}: cannot be read: {error}") from error

    return sign


def _copy(source: Path, target: Path) -> None:
    for path in source.rglob("*"):
        relative = path.relative_to(source)
        is_left_out = path.suffix == ".py" or any(part.startswith((".", "__")) for part in relative.parts)
        if path.is_file() and not path.is_symlink() and not is_left_out:
            (target / relative).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target / relative)


def _draw_golden_frames(folder: Path) -> None:
    """Write the frames of the demo that the face models' golden outputs belong to."""
    folder.mkdir()
    camera = DemoCamera()
    for second in _GOLDEN_S:
        if not cv2.imwrite(str(folder / f"{second}.png"), camera.scene(second)):
            raise OutputError(f"{folder}: cannot be written")
