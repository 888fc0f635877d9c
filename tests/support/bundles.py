"""Small bundles, signed in minisign's format by keys that a test makes."""

from __future__ import annotations

import hashlib
import io
import shutil
from base64 import b64encode
from datetime import date
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge import paths
from edge.registry import bundle
from edge.registry.signature import UNTRUSTED, read_keys
from edge.registry.store import Policy, Store

TODAY = date(2026, 12, 1)
NEVER = "2099-12-31"
PROFILES = ("live", "balanced", "quality")


class Signer:
    """A key pair of minisign. Source: https://jedisct1.github.io/minisign/, formats."""

    def __init__(self, seed: int = 1) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        self._id = bytes([seed]) * 8

    @property
    def public(self) -> str:
        """Return the public key as `models.trusted_keys` takes it."""
        return b64encode(b"Ed" + self._id + self._key.public_key().public_bytes_raw()).decode()

    @property
    def name(self) -> str:
        """Return the key's id."""
        return self._id[::-1].hex().upper()

    def sign(self, content: bytes, comment: str, *, legacy: bool = False, untrusted: str = UNTRUSTED) -> str:
        """Return the signature file of some content."""
        signed = self._key.sign(content if legacy else hashlib.blake2b(content).digest())
        first = b64encode((b"Ed" if legacy else b"ED") + self._id + signed).decode()
        whole = b64encode(self._key.sign(signed + comment.encode())).decode()
        return f"{untrusted}\n{first}\ntrusted comment: {comment}\n{whole}\n"


def small_models(folder: Path, content: str = "") -> Path:
    """Make a complete folder of models whose weights are a few bytes."""
    for kind in (*(f"face/{profile}" for profile in PROFILES), "face/verifier", "face/verifier-large", "mask"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        shutil.copy(paths.models() / kind / "model.toml", folder / kind)
        (folder / kind / "model.tflite").write_text(f"weights {content}")
        (folder / kind / "golden.json").write_text("{}")
    for name in ("face/CARD.md", "face/LICENSE", "mask/CARD.md", "mask/LICENSE", "mask/golden.npz"):
        (folder / name).write_text(f"{name} {content}")
    return folder


def small_bundle(
    folder: Path, content: str = "", *, signer: Signer | None = None, sequence: int = 1, expires: str = NEVER
) -> bytes:
    """Return the bundle of small models; `folder` must not exist."""
    sums = bundle.write_sums(small_models(folder, content))
    if signer:
        signature = signer.sign(sums, f"sequence:{sequence} expires:{expires}")
        (folder / bundle.SIGNATURE).write_text(signature)
    out = io.BytesIO()
    bundle.write_bundle(folder, out)
    return out.getvalue()


def store_in(folder: Path, *signers: Signer, required: bool = False, today: date = TODAY) -> Store:
    """Return a store that trusts some keys."""
    return Store(folder, Policy(read_keys([one.public for one in signers]), required, today))


def accept(_folder: Path) -> None:
    """Find no difference in the golden outputs."""
