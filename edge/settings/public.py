"""Settings without the secrets in them: the one form that is logged, published or shown."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from edge.redaction import redacted

if TYPE_CHECKING:
    from edge.settings.schema import Settings

_ADDRESSES = (("camera", "source"), ("mqtt", "host"))
"""Settings that may be written as an address with user and password; all others name files, or are no secret."""


def shown(settings: Settings) -> dict[str, dict[str, Any]]:
    """Return all settings by section and name as they may be shown; see `redacted`."""
    values: dict[str, dict[str, Any]] = settings.model_dump(mode="json")
    for section, name in _ADDRESSES:
        values[section][name] = redacted(values[section][name])
    return values


def fingerprint(settings: Settings) -> str:
    """Return a hash of the settings as they may be shown: the hash of a secret would let others find it by trying."""
    return hashlib.sha256(json.dumps(shown(settings), sort_keys=True).encode()).hexdigest()
