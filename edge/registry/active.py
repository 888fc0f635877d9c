"""Which models are in force: those of the store's champion, where it is whole, else the built-in ones."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge import paths
from edge.clock import Clock
from edge.errors import ConfigError, ModelError
from edge.registry import BUILT_IN
from edge.registry.signature import read_keys
from edge.registry.store import Policy, Store

if TYPE_CHECKING:
    from edge.settings.models import ModelsSettings


@dataclass(frozen=True, slots=True)
class InForce:
    """The folder with `face/` and `mask/` to load models from.

    sha256: of its version; empty for the built-in models.  problem: why they are not those that the store names.
    """

    folder: Path
    sha256: str = ""
    problem: str = ""

    @property
    def name(self) -> str:
        """The version's hash, or what stands for the built-in models."""
        return self.sha256 or BUILT_IN


def built_in(problem: str = "") -> InForce:
    """Return the models that ship with the package."""
    return InForce(paths.models(), problem=problem)


def in_force(settings: ModelsSettings) -> InForce:
    """Return the models in force; what the store names and cannot be read is replaced by the built-in ones."""
    try:
        store = store_of(settings)
        return version_in_force(store, store.aliases().champion)
    except (ModelError, ConfigError, OSError) as error:
        return built_in(f"the built-in models are used: {error}")


def version_in_force(store: Store, sha256: str) -> InForce:
    """Return an installed version as the models in force; the built-in ones for an empty hash.

    Raises:
        ModelError: it is damaged, or not signed as required.
        OSError: it cannot be read.
    """
    return InForce(store.version(sha256).folder, sha256) if sha256 else built_in()


def store_of(settings: ModelsSettings) -> Store:
    """Return the store that the settings name.

    Raises:
        ConfigError: a trusted key cannot be read.
        OutputError: there is no state folder.
    """
    policy = Policy(read_keys(settings.trusted_keys), settings.signature == "required", Clock().day())
    return Store(Path(settings.store) if settings.store else _default_folder(), policy)


def _default_folder() -> Path:
    """Return the folder `models` in the state folder; root uses that of the service, where it is installed."""
    is_manager = os.geteuid() == 0 and not os.environ.get("STATE_DIRECTORY") and paths.SERVICE_STATE.is_dir()
    return (paths.SERVICE_STATE if is_manager else paths.state_folder()) / "models"
