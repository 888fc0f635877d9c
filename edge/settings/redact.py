"""Settings without their secrets: the only form in which they are logged, published or shown."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from edge.redaction import redacted

if TYPE_CHECKING:
    from edge.settings.schema import Settings

_ADDRESSES = (("camera", "source"), ("mqtt", "host"))
"""Settings that can be an address with user and password; all others name files or hold no secret."""


def redacted_settings(settings: Settings) -> dict[str, dict[str, Any]]:
    """Return all settings by section and name, with the addresses redacted."""
    values: dict[str, dict[str, Any]] = settings.model_dump(mode="json")
    for section, name in _ADDRESSES:
        values[section][name] = redacted(values[section][name])
    return values


def fingerprint(settings: Settings) -> str:
    """Return a hash of the redacted settings: from a hash of a secret, others could guess it by trial."""
    return hashlib.sha256(json.dumps(redacted_settings(settings), sort_keys=True).encode()).hexdigest()
