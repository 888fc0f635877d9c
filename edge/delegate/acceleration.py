"""Runs a set of models on a delegate where it proves itself, and on the CPU where not and from its first error on."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, TypeVar

from edge.delegate import Delegate, load, trial
from edge.errors import ModelError
from edge.tflite import Inference, Model, runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from edge.data import Floats, Image
    from edge.delegate.marker import Marker
    from edge.tflite import ModelSpec

log = logging.getLogger(__name__)

_T = TypeVar("_T")

CPU = Delegate("")
"""No delegate."""


class Acceleration:
    """One delegate for a set of models; without a library, the CPU.

    problem: why the delegate that is set does not run, empty where it does.
    """

    def __init__(self, delegate: Delegate, marker: Marker | None = None) -> None:
        """Prepare; nothing is loaded before `try_out`.

        marker: of the service, None for a command.
        """
        self._delegate = delegate
        self._marker = marker
        self._is_proven = False
        self._models: list[_DelegatedModel] = []
        self.problem = ""

    @property
    def runtime(self) -> dict[str, str]:
        """What runs the models: name of the runtime, and file name of the delegate's library, empty: the CPU."""
        return {"name": runtime(), "delegate": self._delegate.name if self._is_proven else ""}

    def try_out(self, folders: Sequence[Path], threads: int) -> None:
        """Try the delegate on all models of a run, in a process of its own; note why it cannot be used."""
        if not self._delegate.library:
            return
        if self._marker and self._marker.accuses(self._delegate):
            self.give_up(
                "the last run with it hung, crashed or was killed; it is left off until the machine restarts; "
                f"fix: to try again sooner, remove {self._marker.path}"
            )
            return
        began_at = time.monotonic()
        reason = trial.fault(self._delegate, folders, threads)
        log.info("delegate: %s was tried for %.2f s", self._delegate.name, time.monotonic() - began_at)
        if reason:
            self.give_up(reason)
        else:
            self._begin()

    def load(self, folder: Path, *, threads: int = 1) -> Inference:
        """Return the model in a folder, with the delegate if it has proved itself.

        Raises:
            ModelError: a file is missing or not what its model.toml specifies.
        """
        model = Model(folder, threads=threads)
        if not self._is_proven:
            return model
        try:
            faster = Model(folder, threads=threads, delegate=load(self._delegate))
        except (OSError, AttributeError, ValueError, ModelError) as error:
            self.give_up(str(error))
            return model
        delegated = _DelegatedModel(model, faster, self.give_up)
        self._models.append(delegated)
        return delegated

    def give_up(self, reason: str) -> None:
        """Run all models on the CPU from now on, and free the device."""
        self.close(reason)
        log.warning("delegate: %s", self.problem)

    def close(self, reason: str = "the service ends") -> None:
        """Free the device; the models that are still in use run on the CPU."""
        if self._delegate.library:
            self.problem = f"off: {self._delegate.name}: the models run on the CPU: {reason}"
        self._is_proven = False
        for model in self._models:
            model.stop()
        self._models.clear()
        if self._marker:
            self._marker.clear()

    def _begin(self) -> None:
        try:
            if self._marker:
                self._marker.set(self._delegate)
        except OSError as error:
            self.give_up(f"{error.filename}: cannot be written: {error.strerror}; without it a hang would be endless")
            return
        self._is_proven = True
        log.info("delegate: %s runs the models", self._delegate.name)


class _DelegatedModel:
    """A model on a delegate, and on the CPU from the delegate's first error on."""

    def __init__(self, on_cpu: Model, faster: Model, failed: Callable[[str], None]) -> None:
        self._on_cpu = on_cpu
        self._used = faster
        self._failed = failed

    @property
    def spec(self) -> ModelSpec:
        return self._on_cpu.spec

    @property
    def size_px(self) -> tuple[int, int]:
        return self._on_cpu.size_px

    def run(self, image: Image) -> list[Floats]:
        return self._either(lambda model: model.run(image))

    def read(self, image: Image, decode: Callable[..., _T]) -> _T:
        return self._either(lambda model: model.read(image, decode))

    def _either(self, run: Callable[[Model], _T]) -> _T:
        try:
            return run(self._used)
        except RuntimeError as error:  # as the runtime passes on what a delegate reports
            if self._used is self._on_cpu:
                raise
            self._failed(str(error))
            return run(self._on_cpu)

    def stop(self) -> None:
        """Run on the CPU from now on; the delegate's model is freed."""
        self._used = self._on_cpu
