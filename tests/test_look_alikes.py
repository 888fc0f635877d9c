"""What is round and pale is nobody: a badge and a lamp in the demo's street for its whole length raise no alert."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge import pipeline
from edge import stages as parts
from edge.capture.demo import PERIOD_S, DemoCamera
from edge.data import EventType
from edge.monitor.timings import Timings
from tests.support import fakes
from tests.support.settings import settings

RATE_HZ = 5
BADGE, LAMP = (90, 150), (760, 150)
"""Centres in the image, px: on a wall above the people, and above the road."""


def with_look_alikes(image: np.ndarray) -> np.ndarray:
    """Draw a badge, a pale disc with a rim and letters, and a lamp, a glowing disc on a dark post.

    The network of `live` alone takes this badge for a face of score .7 and the lamp for one of .4.
    """
    cv2.circle(image, BADGE, 45, (170, 190, 225), cv2.FILLED, cv2.LINE_AA)
    cv2.circle(image, BADGE, 45, (60, 60, 90), 2, cv2.LINE_AA)
    letters = BADGE[0] - 30, BADGE[1] + 11
    cv2.putText(image, "VIP", letters, cv2.FONT_HERSHEY_DUPLEX, 1.25, (40, 40, 60), 2, cv2.LINE_AA)
    cv2.line(image, LAMP, (LAMP[0], 400), (50, 50, 55), 6)
    for radius, grey in ((20, 170), (16, 215), (11, 245)):
        cv2.circle(image, LAMP, radius, (grey - 40, grey - 10, grey), cv2.FILLED, cv2.LINE_AA)
    return cv2.GaussianBlur(image, (0, 0), 1.5)


def moments() -> list:
    """Return the frames of one play of the demo."""
    play = DemoCamera(sleep=lambda _: None)
    times = [k / RATE_HZ for k in range(round(PERIOD_S * RATE_HZ))]
    return [fakes.frame(at, seq, with_look_alikes(play.scene(at))) for seq, at in enumerate(times)]


def is_at(box, centre: tuple[int, int]) -> bool:
    return box[0] <= centre[0] <= box[2] and box[1] <= centre[1] <= box[3] and box[2] - box[0] < 120


@pytest.mark.parametrize("profile", ["live", "balanced", "quality"])
def test_a_badge_and_a_lamp_are_nobody_and_raise_no_alert(profile):
    models = parts.load_models(settings(), profile=profile)
    stages = parts.build_stages(settings(), models, Timings(), every_frame=False)
    scenes = list(pipeline.scenes(fakes.ListSource(moments()), stages))
    starts = [alert for scene in scenes for alert in scene.alerts if alert.event_type is EventType.START]
    assert len(starts) == 2, "each of the two people is bare for a while"
    places = [alert.track.box for alert in starts] + [track.box for scene in scenes for track in scene.tracks]
    assert not [box for box in places if is_at(box, BADGE) or is_at(box, LAMP)]
