"""Check of the models that are in force, and of the store that they come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.doctor import Finding, FindingState

if TYPE_CHECKING:
    from edge.settings.schema import Settings

_SHOWN = 12


def models(settings: Settings) -> Finding:
    """Check that the models that the store names can be used, and report what the service has taken back."""
    try:
        from edge.registry.active import in_force, store_of  # noqa: PLC0415 - a missing library is a finding
    except ImportError as error:
        return Finding("models", FindingState.MISSING, str(error), "pip install cryptography")
    found = in_force(settings.models)
    if found.problem:
        return Finding("models", FindingState.WARNING, found.problem, "maskwatch models list")
    aliases = store_of(settings.models).aliases()
    if aliases.problem:
        return Finding("models", FindingState.WARNING, aliases.problem, "maskwatch models list")
    trial = ", on trial" if aliases.trial else ""
    return Finding("models", FindingState.OK, f"version {found.sha256[:_SHOWN]}{trial}" if found.sha256 else found.name)
