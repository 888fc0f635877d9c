"""The one validation behind `run`, its reload, `check`, `setup` and `doctor`: all that a run would refuse."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge import secret
from edge.app.components import stamp
from edge.app.safety import refuse_unsafe
from edge.app.shadow import check_shadow
from edge.capture.spec import check_files, names_files
from edge.errors import ConfigError, EdgeError
from edge.paths import exists
from edge.plugins import check_sinks
from edge.profiles import WEAKEST
from edge.publish.broker import broker_of, device_name, tls_context
from edge.publish.message import part_of
from edge.show.page import binding
from edge.show.sockets import check_path
from edge.stages import load_models

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.delegate.acceleration import Acceleration
    from edge.publish.broker import Broker
    from edge.registry.active import InForce
    from edge.settings.perception import DetectorSettings
    from edge.settings.schema import Environment, Settings
    from edge.stages import Models


@dataclass(frozen=True, slots=True)
class Validated:
    """Settings that a run takes, with what had to be read to find that out.

    environment: by whose rules they are safe.  models_key: by what the models were loaded.
    in_force: what is loaded where the settings name no model.
    """

    settings: Settings
    broker: Broker
    models: Models
    environment: Environment
    models_key: object = None
    in_force: InForce | None = None


def _weakest(_settings: DetectorSettings) -> str:
    return WEAKEST


def _on_cpu(_settings: Settings, _before: Validated | None) -> None:
    return None


def check(
    settings: Settings,
    environment: Environment,
    before: Validated | None = None,
    profile_of: Callable[[DetectorSettings], str] = _weakest,
    accelerate: Callable[[Settings, Validated | None], Acceleration | None] = _on_cpu,
    models: InForce | None = None,
) -> Validated:
    """Return settings once all that they name was found good; no camera is opened and nothing is connected.

    before: what is in force: of the same models and the same files, nothing is read again.
    profile_of: returns what `detector.profile = auto` stands for; only a run has it measured.
    accelerate: returns what tries a delegate and runs the models on it; only a run has it tried.
    models: what is in force where the settings name no model; None: as `before`, else what the store names.

    Raises:
        ConfigError, ModelError, InputError, CameraError: as `run` would, with the exit code that it would end with.
    """
    _check_page(settings)
    check_path(settings.show.socket)
    check_sinks()
    check_shadow(settings)
    part = part_of(settings.mqtt.topic_root)  # no name of a device has a "/"
    name = f"maskwatch-{device_name(settings.device)}-{settings.camera.name}{part and f'/{part}'}"
    broker = broker_of(settings.mqtt, name)
    refuse_unsafe(settings, environment)
    if before and broker.tls and broker != before.broker:
        tls_context(broker)  # at the start the files may still come: the link tries again
    if before is None or before.settings.camera != settings.camera:
        check_files(settings.camera)
    of_files = names_files(settings.camera)
    profile = "quality" if of_files else profile_of(settings.detector)
    models_key = (profile, *_models_key(settings))
    if before and before.models_key == models_key:
        return Validated(settings, broker, before.models, environment, models_key, before.in_force)
    models = models or (before.in_force if before else None)
    loaded = _loaded(settings, profile, accelerate(settings, before), models)
    return Validated(settings, broker, loaded, environment, models_key, models)


def _loaded(settings: Settings, profile: str, acceleration: Acceleration | None, models: InForce | None) -> Models:
    try:
        return load_models(settings, profile=profile, acceleration=acceleration, models=models)
    except EdgeError:
        if acceleration:
            acceleration.close()
        raise


def _models_key(settings: Settings) -> tuple[object, ...]:
    """Return by what models are loaded: an own one may be replaced under its name."""
    folders = [folder for folder in (settings.detector.model, settings.classifier.model) if folder]
    files = [stamp(f"{folder}/model.toml", f"{folder}/model.tflite") for folder in folders]
    rule = settings.detector
    own = (rule.profile, rule.model, rule.min_score, rule.threads, settings.classifier.model)
    return *own, settings.tflite, *files


def _check_page(settings: Settings) -> None:
    """Refuse settings of the web page that are unsafe, whether `run` or `maskwatch web` will serve it."""
    if settings.web.serve and settings.privacy.aggregate:
        raise ConfigError("web.serve: privacy.aggregate allows no image and no alert; fix: set one of them to false")
    binding.check(settings.web)
    token = Path(settings.web.token_file or "/nonexistent")
    if settings.web.serve and exists(token):  # its process makes one where there is none
        secret.check_private("web.token_file", token)
