"""People over time, through all stages: found, confirmed, labelled, told of, lost and back; drawn as boxes."""

from __future__ import annotations

import numpy as np
import pytest

from edge import pipeline
from edge import stages as parts
from edge.data import Faces, Mask
from edge.monitor.timings import Timings
from tests.support import fakes
from tests.support.settings import settings

RATES_HZ = (5, 10, 25)
PLACE = (200.0, 100.0, 240.0, 150.0)
ELSEWHERE = (400.0, 100.0, 440.0, 150.0)


class Script:
    """A detector of the boxes that are drawn for the time of a frame."""

    def __init__(self, drawn) -> None:
        self._drawn = drawn

    def detect(self, frame) -> Faces:
        return fakes.faces(*self._drawn(frame.at))


class Bare:
    """A classifier that sees no mask."""

    def classify(self, _frame, boxes):
        return fakes.verdicts(*[Mask.WITHOUT_MASK] * len(boxes))


def told(drawn, rate_hz: float, *, until_s: float, seed: int | None = None, every_frame: bool = False) -> list[tuple]:
    """Return (event, seconds, reason) of the alerts of bare people at the boxes that `drawn` returns for a time.

    seed: of the jitter of the frames' times, up to 15 % of their distance; None: none.
    """
    models = parts.Models(Script(drawn), Bare(), {}, (320, 256))
    stages = parts.build_stages(settings(), models, Timings(), every_frame=every_frame)
    numbers = np.arange(round(until_s * rate_hz) + 1)
    jitter = 0 if seed is None else np.random.default_rng(seed).uniform(-0.15, 0.15, len(numbers))
    frames = [fakes.frame(at) for at in ((numbers + jitter) / rate_hz).tolist()]
    alerts = [alert for scene in pipeline.scenes(fakes.ListSource(frames), stages) for alert in scene.alerts]
    return [(alert.event_type.value, alert.raised_at, alert.reason and alert.reason.value) for alert in alerts]


def present(*spans: tuple[float, float], box=PLACE):
    """Return what draws a person who can be seen during some spans of time, their ends included."""
    return lambda at: [box] * any(begin - 0.03 <= at <= end + 0.03 for begin, end in spans)


@pytest.mark.parametrize("every_frame", [True, False])
@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("seed", [None, *range(5)])
def test_somebody_seen_bare_for_the_dwell_time_is_told_at_every_rate(rate_hz, seed, every_frame):
    """At five frames per second the label stood after 0.2 s, and its dwell time ended when the person had gone."""
    alerts = told(present((2.0, 3.0)), rate_hz, until_s=8.0, seed=seed, every_frame=every_frame)
    assert [kind for kind, *_ in alerts] == ["start", "end"]
    assert alerts[0][1] == pytest.approx(3.0, abs=0.06)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_somebody_bare_for_less_is_not(rate_hz):
    assert told(present((2.0, 2.7)), rate_hz, until_s=8.0) == []


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_what_is_a_face_now_and_then_for_one_frame_is_nobody(rate_hz):
    seen_at = {0.0, 2.4, 4.8, 7.2}
    assert told(lambda at: [PLACE] * (round(at, 2) in seen_at), rate_hz, until_s=10.0) == []


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("away_s", [0.6, 1.4, 2.0, 2.2, 2.6])
def test_somebody_who_turns_away_and_back_is_one_episode(rate_hz, away_s):
    """After two seconds a new track, and a second episode while the first one was still open."""
    drawn = present((0.0, 3.0), (3.0 + away_s, 9.0))
    assert [kind for kind, *_ in told(drawn, rate_hz, until_s=9.0)] == ["start", "end"]


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_somebody_who_turns_away_again_and_again_is_one_episode(rate_hz, seed):
    dice = np.random.default_rng(seed)
    begins_at, spans = 0.0, []
    for _ in range(6):
        ends_at = begins_at + dice.uniform(1.4, 4.0)
        spans.append((begins_at, ends_at))
        begins_at = ends_at + dice.uniform(0.2, 2.4)
    alerts = told(present(*spans), rate_hz, until_s=spans[-1][1] + 5, seed=seed)
    assert [(kind, reason) for kind, _, reason in alerts] == [("start", None), ("end", "gone")]


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_somebody_who_comes_back_later_is_told_again(rate_hz):
    drawn = present((0.0, 3.0), (6.6, 9.0))
    assert [kind for kind, *_ in told(drawn, rate_hz, until_s=9.0)] == ["start", "end", "start", "end"]


@pytest.mark.parametrize("other", [ELSEWHERE, (190.0, 60.0, 290.0, 180.0)])
def test_a_newcomer_elsewhere_or_of_another_size_is_somebody_else(other):
    first, second = present((0.0, 3.0)), present((5.2, 9.0), box=other)
    starts = [kind for kind, *_ in told(lambda at: first(at) + second(at), 10, until_s=9.0) if kind == "start"]
    assert len(starts) == 2


def test_a_neighbour_who_stood_there_before_takes_nothing_over():
    """Both were in sight at once, the one who stays not yet confirmed: it is not the one who went."""
    first, second = present((0.0, 3.0)), present((3.0, 9.0), box=(228.0, 100.0, 268.0, 150.0))
    alerts = told(lambda at: first(at) + second(at), 10, until_s=9.0)
    assert [kind for kind, *_ in alerts] == ["start", "start", "end", "end"]


def test_somebody_who_comes_from_where_another_one_walked_away_is_somebody_else():
    def drawn(at: float) -> list:
        walker = [] if at > 3 else [(200.0 + 90 * at, 100.0, 240.0 + 90 * at, 150.0)]
        return walker + [(470.0, 100.0, 510.0, 150.0)] * (at >= 4.0)

    assert [kind for kind, *_ in told(drawn, 10, until_s=9.0)] == ["start", "start", "end", "end"]


def test_the_open_episode_is_that_of_the_track_in_sight():
    """Notices that are limited to those near look the person up by the episode's track."""
    models = parts.Models(Script(present((0.0, 3.0), (5.4, 9.0))), Bare(), {}, (320, 256))
    stages = parts.build_stages(settings(), models, Timings(), every_frame=False)
    scenes = list(pipeline.scenes(fakes.ListSource([fakes.frame(k / 10) for k in range(80)]), stages))
    assert [[alert.track.id for alert in scene.episodes] for scene in scenes[-4:-1]] == [[2]] * 3
    assert [track.id for track in scenes[-2].visible] == [2]
