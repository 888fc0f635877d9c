"""The watch for drift as the settings have it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge.app.components import Components
from edge.app.drift import build_drift, drift_of
from edge.data import Faces, Mask
from edge.monitor.drift.quantities import EDGES, QUANTITIES
from edge.stages import load_models
from tests.support import fakes
from tests.support.settings import settings

ZONE = "0,0 0.5,0 0.5,0.5 0,0.5"
(LIMIT,) = EDGES["quarter"]


@pytest.fixture(scope="module")
def models():
    return load_models(settings(), profile="live")


@pytest.fixture
def build(models):
    with Components() as keep:
        yield lambda *overrides: build_drift(settings("mqtt.outbox=memory", *overrides), models, keep)


def passer(image):
    """Return a scene with somebody who has been in sight for two seconds."""
    face = Faces(np.array([[400, 250, 440, 300]], np.float32), np.full(1, 0.8, np.float32))
    track = replace(fakes.track(1), face=0, first_seen=0.0, last_seen=2.0)
    scene = replace(fakes.scene((track,)), faces=face, classified=(0,), verdicts=fakes.verdicts(Mask.WITH_MASK))
    return replace(scene, frame=fakes.frame(image=image))


def dark_quarters(monitor) -> int:
    """Return how many people had an image with a dark quarter, once it has lasted."""
    image = np.full((360, 640, 3), 120, np.uint8)
    image[:180, :320] = 0
    for number in range(20):
        scene = passer(image)
        monitor.put(replace(scene, tracks=(replace(scene.tracks[0], id=number),)))
    return int(monitor.windows._block.histogram[QUANTITIES.index("quarter"), 0])


def test_a_black_quarter_is_a_cover_unless_it_is_a_privacy_zone(build):
    (monitor,) = build()
    assert dark_quarters(monitor) == 1
    (monitor,) = build(f'privacy.no_look=["{ZONE}"]')
    assert dark_quarters(monitor) == 0


@pytest.mark.parametrize("override", ["drift.enabled=false", "privacy.aggregate=true"])
def test_where_it_is_off_and_where_nobody_is_observed_there_is_none(build, override):
    assert build(override) == ()
    assert drift_of(()) is None
