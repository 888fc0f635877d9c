"""Samples of a live camera at intervals: when frames are taken, when it is closed, and that a pause is no fault."""

from __future__ import annotations

import threading
import time
from itertools import pairwise

import numpy as np
import pytest

from edge.capture import CameraImage, CameraState
from edge.capture.live import LiveSource
from edge.capture.sampling import Sampling
from edge.data import Frame


def taken(sampling: Sampling, until_s: int) -> list[int]:
    """Return the half seconds at which a camera that was opened at 0 has its frames taken."""
    sampling.opened(0.0)
    return [half for half in range(2 * until_s) if sampling.takes(half / 2)]


def test_without_an_interval_every_frame_is_taken():
    assert taken(Sampling(every_s=0.0, sample_s=2.0), 3) == list(range(6))
    assert taken(Sampling(every_s=1.5, sample_s=2.0), 3) == list(range(6))


def test_a_sample_begins_after_the_warm_up_and_again_at_each_interval():
    assert taken(Sampling(every_s=5.0, sample_s=1.0), 13) == [2, 3, 12, 13, 22, 23]


@pytest.mark.parametrize(("every_s", "closes"), [(0.0, False), (5.0, False), (9.9, False), (10.0, True), (600.0, True)])
def test_the_camera_is_closed_between_samples_that_are_far_apart(every_s, closes):
    sampling = Sampling(every_s=every_s, sample_s=2.0)
    sampling.opened(0.0)
    assert sampling.takes(1.0)
    assert sampling.takes(3.0) is (every_s == 0.0)
    assert sampling.pause_s(3.0) == (every_s - 3.0 if closes else 0.0)


def test_an_interval_that_was_missed_is_left_out():
    sampling = Sampling(every_s=5.0, sample_s=1.0)
    sampling.opened(0.0)
    assert sampling.takes(1.0)
    assert not sampling.takes(12.5)
    assert sampling.takes(16.0)


class Camera:
    """A camera that counts its openings, and whose every image differs."""

    opened = 0

    def __init__(self) -> None:
        Camera.opened += 1
        self._read = 0

    def read(self) -> CameraImage:
        self._read += 1
        time.sleep(0.02)
        return CameraImage(np.full((20, 20, 3), self._read % 250, np.uint8))

    def close(self) -> None:
        """Hold nothing open."""


class Now(Sampling):
    """Samples that are close together, and a camera that is closed between them all the same."""

    def __init__(self) -> None:
        super().__init__(every_s=3.0, sample_s=0.3)
        self.closes = True


def test_a_camera_that_is_closed_between_samples_is_neither_silent_nor_lost_nor_reopened():
    Camera.opened = 0
    live = LiveSource(
        "test",
        Camera,
        stop=threading.Event(),
        patience_s=0.4,
        frozen_s=8.0,
        stuck_s=30.0,
        retry_max_s=15.0,
        sampling=Now(),
    )
    states, frames = set(), []
    for moment in live:
        states.add(live.state)
        frames += [moment] if isinstance(moment, Frame) else []
        if Camera.opened == 2 and frames[-1].at - frames[0].at > 2:
            break
    live.close()
    assert states <= {CameraState.OPENING, CameraState.OK}
    assert live.reopened == 0
    gaps = [b.at - a.at for a, b in pairwise(frames)]
    assert max(gaps) == pytest.approx(2.7, abs=0.5)
