"""Certificates as openssl makes them: good ones, and one wrong in every way."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.support.needs import need

_YEAR = 365


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key."""

    cert: Path
    key: Path


def _openssl(*arguments: object) -> None:
    subprocess.run([need("openssl"), *map(str, arguments)], check=True, capture_output=True)


def _ended() -> tuple[str, ...]:
    """Return options for a certificate that is no longer valid: OpenSSL 3.5 refuses days before today."""
    shown = subprocess.run([need("openssl"), "x509", "-help"], capture_output=True, text=True, check=False)
    named = "-not_after" in shown.stdout + shown.stderr  # from OpenSSL 3.4 on
    return ("-not_before", "20200101000000Z", "-not_after", "20210101000000Z") if named else ("-days", "-1")


def authority(folder: Path, name: str, *, usage: bool = True) -> Pair:
    """Return a certificate that signs others; `usage`: it names that as the usage of its key."""
    pair = Pair(folder / f"{name}.crt", folder / f"{name}.key")
    arguments = ("-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", _YEAR)
    extensions = ("-addext", "basicConstraints=critical,CA:TRUE")
    if usage:
        extensions += ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
    _openssl("req", *arguments, "-subj", f"/CN={name}", *extensions, "-keyout", pair.key, "-out", pair.cert)
    return pair


def signed(folder: Path, name: str, by: Pair, *, host: str = "127.0.0.1", expired: bool = False) -> Pair:
    """Return a certificate for a host, signed, for a year or until yesterday."""
    pair, request = Pair(folder / f"{name}.crt", folder / f"{name}.key"), folder / f"{name}.csr"
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    _openssl("req", "-new", *curve, "-subj", f"/CN={name}", "-keyout", pair.key, "-out", request)
    kind = "IP" if host[0].isdigit() else "DNS"
    extensions = folder / f"{name}.ext"
    extensions.write_text(f"subjectAltName={kind}:{host}\nauthorityKeyIdentifier=keyid\n")
    dates = _ended() if expired else ("-days", str(_YEAR))
    serial = ("-CAcreateserial", "-CA", by.cert, "-CAkey", by.key)
    _openssl("x509", "-req", "-in", request, *serial, *dates, "-extfile", extensions, "-out", pair.cert)
    pair.key.chmod(0o640)
    return pair
