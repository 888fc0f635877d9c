"""One sample of the camera, and one count at the broker: what a timer starts in place of a service."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from edge.app.components import Components
from edge.app.mqtt import build_sender
from edge.app.trial import on_trial
from edge.app.validation import check
from edge.app.walk import build_source
from edge.data import Mask
from edge.errors import CameraError, ConfigError, Unavailable
from edge.monitor.timings import Timings
from edge.pipeline import Loop, Parts
from edge.profiles import profile_of
from edge.publish.broker import EMBEDDED
from edge.publish.mqtt import MqttLink
from edge.publish.presence import Presence
from edge.stages import build_stages, counting

if TYPE_CHECKING:
    from edge.app.validation import Validated
    from edge.data import Scene
    from edge.publish.message import Message
    from edge.registry.active import InForce
    from edge.settings.schema import Environment, Settings

_CAMERA_S = 15.0
"""How long a camera may take to open, warm up and deliver, beyond the timeouts of the settings."""
_BROKER_S = 15.0
"""How long connection and acknowledgement may take."""
_DAY_S = 86_400.0
_KEY = "count"


def run_once(settings: Settings, environment: Environment) -> Message:
    """Take one sample, and return the count that was published once the broker has acknowledged it.

    A champion on trial has passed it then.

    Raises:
        CameraError: no frame came in time.
        Unavailable: the broker did not acknowledge the count in time.
        EdgeError: settings, models or inputs are wrong.
    """
    if settings.privacy.aggregate:
        raise ConfigError("privacy.aggregate: allows no count of a moment; fix: run the service in place of --once")
    if settings.mqtt.host == EMBEDDED:
        raise ConfigError("mqtt.host: embedded: that broker ends with this command; fix: name one that stays")
    with on_trial(settings.models) as trial:
        count = _counted(settings, environment, trial.models)
        trial.end()
    return count


def _counted(settings: Settings, environment: Environment, models: InForce) -> Message:
    camera = settings.camera.model_copy(update={"every_s": _DAY_S})
    checked = check(settings.model_copy(update={"camera": camera}), environment, profile_of=profile_of, models=models)
    scene = _sample(checked)
    interval_s = settings.camera.every_s or settings.mqtt.stats_s
    presence = Presence(build_sender(settings, "once"), interval_s=interval_s)
    (count,) = presence.messages(scene, due=True)
    _deliver(checked, count)
    return count


class _Best:
    """Sink that keeps the scene with most people of a sure label, of several the newest."""

    def __init__(self) -> None:
        self.scene: Scene | None = None
        self.began_at: float | None = None

    def put(self, scene: Scene) -> None:
        if scene.frame is None:
            return
        self.began_at = time.monotonic() if self.began_at is None else self.began_at
        if self.scene is None or _sure(scene) >= _sure(self.scene):
            self.scene = scene


def _sure(scene: Scene) -> int:
    return sum(track.mask is not Mask.UNSURE for track in scene.visible)


def _sample(checked: Validated) -> Scene:
    """Return the best scene of one sample; no alert and no notice follows from it."""
    camera, best = checked.settings.camera, _Best()
    given_up_at = time.monotonic() + camera.open_timeout_s + camera.read_timeout_s + _CAMERA_S
    with Components() as keep:
        source = build_source(checked, keep)
        stages = counting(build_stages(checked.settings, checked.models, Timings(), every_frame=False))
        loop = Loop(Parts(source, stages, [best]))
        while loop.step():
            now = time.monotonic()
            if best.began_at is not None and now >= best.began_at + camera.sample_s:
                break
            if best.began_at is None and now > given_up_at:
                break
        if best.scene is None:
            raise CameraError(f"{source.name}: no frame came: {source.detail or source.state.value}")
    return best.scene


def _deliver(checked: Validated, count: Message) -> None:
    """Publish a count with QoS 1, under a client id of its own, and wait for the acknowledgement."""
    acknowledged = threading.Event()
    link = MqttLink(
        replace(checked.broker, client_id=f"{checked.broker.client_id}/once"),
        greeting=lambda: [(_KEY, replace(count, qos=1))],
        on_acknowledged=lambda _key: acknowledged.set(),
    )
    link.start()
    deadline = time.monotonic() + _BROKER_S
    while not acknowledged.wait(0.1) and not link.unheard and time.monotonic() < deadline:
        continue
    is_delivered, state = acknowledged.is_set() or link.unheard, link.state  # unheard: the broker keeps it all the same
    link.close()
    if not is_delivered:
        raise Unavailable(f"broker {checked.broker.host}:{checked.broker.port}: {state}: the count was not delivered")
