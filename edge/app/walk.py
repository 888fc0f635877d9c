"""Joins what every frame passes before it reaches the sinks: the camera, the health of its lens, and the stages."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from edge.app.mqtt import outbox_path
from edge.app.notice import notice_rules
from edge.capture.spec import names_files, open_source, wants_small
from edge.detect.gate import MotionGate
from edge.monitor.lens import LensHealth
from edge.privacy.zones import PrivacyZones
from edge.stages import build_stages, counting, people_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.app.components import Components
    from edge.app.validation import Validated
    from edge.capture import WatchedSource
    from edge.data import Frame, Scene
    from edge.monitor.governor import Governor
    from edge.monitor.timings import Timings
    from edge.notice.policy import NoticePolicy
    from edge.pipeline import Stages
    from edge.settings.schema import Settings


def view_key(settings: Settings) -> tuple[object, ...]:
    """Return what the view of the camera depends on: with another camera or privacy zone, it is learned anew."""
    return settings.camera, settings.privacy.no_look


def people_key(settings: Settings) -> tuple[object, ...]:
    """Return what people and episodes depend on: the view, the names they are published under, and the outbox."""
    return (
        view_key(settings),
        settings.device.name,
        settings.privacy.aggregate,
        outbox_path(settings),
        settings.mqtt.queue,
    )


def build_source(checked: Validated, keep: Components) -> WatchedSource:
    """Return the camera or the files; privacy zones are painted over before anything else sees the frame."""
    settings, size_px = checked.settings, checked.models.detector_px
    paint = PrivacyZones(settings.privacy.no_look)
    return keep(
        "camera",
        (view_key(settings), size_px if wants_small(settings.camera) else None),
        lambda: open_source(settings.camera, small_px=size_px, stop=threading.Event(), paint=paint),
        lambda source: source.close(),
    )


def build_lens_health(settings: Settings, keep: Components) -> LensHealth:
    """Return the sink that checks whether the lens is covered, blurred or moved."""
    camera = settings.camera
    return keep("lens", view_key(settings), lambda: LensHealth(patience_s=camera.lens_s, moved_s=camera.moved_s))


def _selection(settings: Settings, governor: Governor, keep: Components) -> Callable[[Frame, Scene], bool]:
    """Return what selects the frames of a camera: it is time, and there may be something to see."""
    rest_s = 0.0 if settings.camera.every_s else settings.detector.rest_s  # a sample is short, and seen whole
    gate = keep("gate", (view_key(settings), rest_s), lambda: MotionGate(forced_s=rest_s))
    return lambda frame, last: governor.due(frame.at) and gate.opens(frame, last)


def build_walk(
    checked: Validated,
    lens: LensHealth,
    notice: NoticePolicy,
    governor: Governor,
    timings: Timings,
    keep: Components,
) -> Stages:
    """Return the stages; aggregate mode raises no alert and no notice.

    Files are watched as `detect` watches them; of a camera, only some frames are selected, and faces are unsure while
    the lens is blind.
    """
    settings, models, every_frame = checked.settings, checked.models, names_files(checked.settings.camera)
    people = keep("people", people_key(settings), lambda: people_of(settings, models, every_frame=every_frame))
    people.adopt(settings, models, every_frame=every_frame)
    notice.adopt(notice_rules(settings.notice))
    stages = build_stages(
        settings, models, timings, every_frame=every_frame, measured=True, people=people, notice=notice
    )
    if not every_frame:
        selects = timings.timed("select", _selection(settings, governor, keep))
        stages = replace(stages, selects=selects, classify=lens.unsure_while_blind(stages.classify))
    return counting(stages) if settings.privacy.aggregate else stages
