"""Signatures in minisign's format: read public keys, and verify a signature with its trusted comment.

Source: https://jedisct1.github.io/minisign/, "Signature format", "Public key format".
"""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from edge.errors import ConfigError, ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

UNTRUSTED = "untrusted comment: signature of a maskwatch bundle"
"""The first line of every signature in a bundle: it is not signed, so no other text is accepted in its place."""
_TRUSTED = "trusted comment: "
_LEGACY, _PREHASHED = b"Ed", b"ED"
_ID_BYTES, _KEY_BYTES, _SIGNATURE_BYTES = 8, 32, 64
_LONGEST_CHARACTERS = 4_096
_CHANGED = "its signature does not match its content: it is damaged or was changed; fix: copy it again from its origin"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An Ed25519 key with its id, which minisign prints as 16 hexadecimal digits."""

    name: str
    key: Ed25519PublicKey


@dataclass(frozen=True, slots=True)
class Signed:
    """What a good signature states: by which key, which release it is, and until which day it may be installed."""

    key: str
    sequence: int
    expires: date


def read_keys(texts: Sequence[str]) -> tuple[PublicKey, ...]:
    """Return the keys of the setting `models.trusted_keys`: each a key's text, or a file with it.

    Raises:
        ConfigError: one is neither, or its file cannot be read.
    """
    return tuple(_key(text) or _key_in(Path(text)) for text in texts)


def _key_in(path: Path) -> PublicKey:
    try:
        lines = path.read_text("ascii").split("\n")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not ASCII"
        message = f"models.trusted_keys: {path}: {reason}; fix: name minisign's .pub file, or copy its second line"
        raise ConfigError(message) from error
    for line in lines:
        if found := _key(line.strip()):
            return found
    raise ConfigError(f"models.trusted_keys: {path}: has no public key of minisign; fix: name minisign's .pub file")


def _key(text: str) -> PublicKey | None:
    """Return the key that a line of base64 holds; None where it holds none."""
    content = _decoded(text)
    if len(content) != len(_LEGACY) + _ID_BYTES + _KEY_BYTES or not content.startswith(_LEGACY):
        return None
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415 - a run without keys needs none of it
        Ed25519PublicKey,
    )

    return PublicKey(_name(content[2:10]), Ed25519PublicKey.from_public_bytes(content[10:]))


def normal_form(signature: str) -> str:
    """Return a signature as a bundle holds it: with the fixed untrusted comment.

    Raises:
        ModelError: it is not a signature of minisign.
    """
    lines = signature.splitlines()
    if len(lines) != 4:
        raise ModelError("is not a signature of minisign, which has four lines")
    return "\n".join([UNTRUSTED, *lines[1:], ""])


def verify(content: bytes, signature: str, keys: Sequence[PublicKey]) -> Signed:
    """Return what a signature states, once key, content and trusted comment are verified.

    Raises:
        ModelError: it is of a key that is not trusted, does not match, or states no sequence or no last day.
    """
    algorithm, key_id, signed, comment, whole = _parsed(signature)
    name = _name(key_id)
    key = next((key for key in keys if key.name == name), None)
    if key is None:
        raise ModelError(f"it is signed with key {name}, which models.trusted_keys does not list")
    if algorithm not in (_LEGACY, _PREHASHED):
        raise ModelError(_CHANGED)
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - as in `_key`

    message = hashlib.blake2b(content).digest() if algorithm == _PREHASHED else content
    try:
        key.key.verify(signed, message)
        key.key.verify(whole, signed + comment.encode())
    except InvalidSignature:
        raise ModelError(_CHANGED) from None
    return _stated(name, comment)


def _parsed(signature: str) -> tuple[bytes, bytes, bytes, str, bytes]:
    """Return algorithm, key id, signature, trusted comment and its signature; one text alone holds them."""
    lines = signature[:_LONGEST_CHARACTERS].split("\n")
    if len(lines) == 5 and lines[0] == UNTRUSTED and lines[2].startswith(_TRUSTED) and not lines[4]:
        first, whole = _decoded(lines[1]), _decoded(lines[3])
        if len(first) == len(_LEGACY) + _ID_BYTES + _SIGNATURE_BYTES and len(whole) == _SIGNATURE_BYTES:
            return first[:2], first[2:10], first[10:], lines[2].removeprefix(_TRUSTED), whole
    raise ModelError("its signature is damaged; fix: copy it again from its origin")


def _stated(key: str, comment: str) -> Signed:
    """Return what a trusted comment states, in minisign's own form: words "NAME:VALUE"."""
    words = dict(word.partition(":")[::2] for word in comment.split())
    try:
        return Signed(key, _positive(words["sequence"]), date.fromisoformat(words["expires"]))
    except (KeyError, ValueError):
        message = f'its trusted comment is "{comment}"; fix: sign it with "sequence:NUMBER expires:YYYY-MM-DD"'
        raise ModelError(message) from None


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < int(text) < 2**63):
        raise ValueError(text)
    return int(text)


def _decoded(text: str) -> bytes:
    """Return what base64 stands for, empty unless it is the one text that stands for it."""
    try:
        content = b64decode(text, validate=True)
    except ValueError:
        return b""
    return content if b64encode(content) == text.encode() else b""


def _name(key_id: bytes) -> str:
    """Return a key's id as minisign prints it: a little-endian number."""
    return key_id[::-1].hex().upper()
