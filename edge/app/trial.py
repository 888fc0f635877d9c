"""The trial of a new champion: for its first ten minutes the service takes it back where it fails.

The record of a trial is written before a model is loaded, and states whether the process that used it ended in good
order. One that crashed, or that systemd's watchdog has killed because it made no progress, did not: the next start
finds that in the record, and puts the models before it in force. Golden outputs that differ are found at the start.
"""

from __future__ import annotations

import json
import logging
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.app import golden
from edge.clock import Clock
from edge.errors import EdgeError, ModelError
from edge.registry.active import InForce, built_in, in_force, store_of, version_in_force

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from edge.data import Scene
    from edge.registry.aliases import Aliases
    from edge.registry.store import Store
    from edge.settings.models import ModelsSettings

log = logging.getLogger(__name__)

TRIAL_S = 600.0
"""From the first frame on, after which a champion has passed its trial."""
_MOST_POWER_CUTS = 3
"""Boots that may end in a trial: a power cut is seldom the model's fault, but a machine that froze may be."""
_SHOWN = 12


@dataclass(frozen=True, slots=True)
class _Record:
    """What the last start left: on which boot, at which attempt, and whether its process still runs or was killed."""

    boot: str = ""
    attempts: int = 0
    running: bool = False

    @classmethod
    def parse(cls, text: str) -> _Record:
        """Return a record; of a damaged one, that of a process that was killed."""
        try:
            found = json.loads(text)
            return cls(str(found.get("boot", "")), int(found.get("attempts", 0)), bool(found.get("running", False)))
        except (ValueError, TypeError, AttributeError):
            return cls(running=True)

    def fault(self, boot: str) -> str:
        """Return what went wrong since, empty for nothing."""
        if not self.running:
            return ""
        if self.boot == boot or not self.boot:
            return "the process crashed, or was killed because it made no progress, within its first ten minutes"
        if self.attempts >= _MOST_POWER_CUTS:
            return f"the machine restarted {self.attempts} times within its first ten minutes"
        return ""

    def text(self) -> str:
        """Return it as JSON."""
        return json.dumps({"boot": self.boot, "attempts": self.attempts, "running": self.running})


class Trial:
    """Sink that ends the trial of a champion ten minutes after its first frame; without a store it does nothing.

    models: what is in force until the process ends.  names: the version of each alias at the start.
    """

    def __init__(self, models: InForce, aliases: dict[str, str], store: Store | None = None) -> None:
        """Watch the champion in force if `store` is given."""
        self.models, self.names = models, {"champion": models.name, **aliases}
        self._store = store
        self._passes_at: float | None = None

    def put(self, scene: Scene) -> None:
        """Take the time of a frame."""
        if self._store is None or scene.frame is None:
            return
        if self._passes_at is None:
            self._passes_at = scene.decided_at + TRIAL_S
        elif scene.decided_at >= self._passes_at:
            self.end()

    def end(self) -> None:
        """Record that the champion has passed."""
        self._write("")
        if self._store:
            log.info("models: version %s has passed its trial", self.models.sha256[:_SHOWN])
        self._store = None

    def pause(self) -> None:
        """Record that the process ends in good order: the trial begins again at the next start."""
        self._write(_Record().text())

    def _write(self, text: str) -> None:
        if self._store:
            try:
                self._store.record_trial(self.models.sha256, text)
            except (EdgeError, OSError) as error:
                log.warning("models: the record of the trial cannot be written: %s", error)


@contextmanager
def on_trial(settings: ModelsSettings, check: Callable[[Path], None] = golden.check) -> Iterator[Trial]:
    """Give the models in force, on trial where they are new; what failed before is taken back first.

    check: raises ModelError where the golden outputs of a folder differ.
    """
    trial = _begun(settings, check)
    try:
        yield trial
    except EdgeError:  # a wrong setting, or a camera that is stuck: not the model's fault
        trial.pause()
        raise
    trial.pause()


def _begun(settings: ModelsSettings, check: Callable[[Path], None]) -> Trial:
    try:
        store = store_of(settings)
        aliases = store.aliases()
    except (EdgeError, OSError):
        return Trial(in_force(settings), {})
    models, names = in_force(settings), {"challenger": aliases.challenger, "previous": aliases.previous}
    if not aliases.trial:
        problem = models.problem or aliases.problem
        return Trial(InForce(models.folder, models.sha256, problem), names)
    fault = _fault(store, aliases, models, check)
    return Trial(_taken_back(store, aliases, fault), {}) if fault else Trial(models, names, store)


def _fault(store: Store, aliases: Aliases, models: InForce, check: Callable[[Path], None]) -> str:
    """Return why the champion on trial must not be used, empty if it may be; record that it is used from now on."""
    before, boot = _Record.parse(aliases.trial), Clock().boot
    if models.problem or (fault := before.fault(boot)):
        return models.problem or fault
    try:
        check(models.folder)
        store.record_trial(aliases.champion, _Record(boot, before.attempts + 1, running=True).text())
    except (EdgeError, OSError) as error:
        return str(error)
    return ""


def _taken_back(store: Store, aliases: Aliases, fault: str) -> InForce:
    """Put the models before the champion in force, in this process at least."""
    problem = (
        f"rolled back: version {aliases.champion[:_SHOWN]}: {fault}; fix: see maskwatch models list, promote another"
    )
    try:
        store.rollback(problem)
    except (EdgeError, OSError) as error:
        log.warning("models: the rollback cannot be written, and is repeated at the next start: %s", error)
    try:
        models = version_in_force(store, aliases.previous)
    except (ModelError, OSError) as error:
        return built_in(f"{problem}; the built-in models are used: {error}")
    return InForce(models.folder, models.sha256, problem)
