"""The accelerator of a service: tried when models are loaded, and freed at the end and before it is tried again."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from edge.delegate.marker import Marker
from edge.errors import OutputError
from edge.paths import state_folder
from edge.stages import acceleration_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge.app.reload import Reload
    from edge.app.validation import Validated
    from edge.delegate.acceleration import Acceleration
    from edge.settings.schema import Settings


def accelerate(settings: Settings, before: Validated | None) -> Acceleration:
    """Return what tries the delegate of the settings.

    The models in force run on the CPU from now on: most devices serve one process, and the trial is another.
    """
    if before and before.models.acceleration:
        before.models.acceleration.close("other models were to replace these")
    return acceleration_of(settings, _marker(settings))


@contextmanager
def device_freed(reload: Reload) -> Iterator[None]:
    """Free at the end the accelerator of the models that are in force then."""
    try:
        yield
    finally:
        if reload.checked.models.acceleration:
            reload.checked.models.acceleration.close()


def _marker(settings: Settings) -> Marker | None:
    """Return the marker of this camera's service; None where nothing can be stored: it then is tried at every start."""
    try:
        return Marker(state_folder() / f"delegate-{settings.camera.name}")
    except OutputError:
        return None
