"""The loop over frames: what it consists of may be exchanged between two of them, and no moment is bent by a delay."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import edge
from edge import stages as parts
from edge.batch.images import classify_frame
from edge.data import Faces, Frame, Gap, Notice, Phrase
from edge.monitor.timings import Timings
from edge.notice.phrases import Phrases
from edge.notice.policy import NoticePolicy, NoticeRules, NoticeTiming
from edge.notice.schedule import VolumeSchedule
from edge.pipeline import Loop, Parts, scenes
from edge.settings.load import lay_over, load
from tests.support import fakes
from tests.support.messages import MODEL, sender

SETTINGS = load(system_file=Path("/nonexistent")).settings
STARTED_S = 90.0
"""What the source's clock is behind the process's."""


class SameFace:
    """A detector that sees a face in the corner of each picture that is not black."""

    def detect(self, frame):
        box = [[0, 0, 20, 20]] if frame.image.any() else np.zeros((0, 4))
        return Faces(np.array(box, np.float32), np.ones(len(box), np.float32))


class BareFace:
    """A classifier that sees no mask."""

    def classify(self, _frame, boxes):
        return fakes.verdicts(*[fakes.Mask.WITHOUT_MASK] * len(boxes))


class LampAndPerson:
    """A detector that takes a lamp on the left and a person on the right for faces; its classifier tells them apart."""

    def detect(self, _frame):
        return Faces(np.array([[0, 0, 20, 20], [40, 10, 60, 30]], np.float32), np.array([0.9, 0.8], np.float32))

    def classify(self, _frame, boxes):
        lamps = frozenset(row for row, box in enumerate(boxes) if box[0] < 20)
        return replace(fakes.verdicts(*[fakes.Mask.WITHOUT_MASK] * len(boxes)), rejected=lamps)


MODELS = parts.Models(SameFace(), BareFace(), {}, (320, 256))
LAMP_MODELS = parts.Models(LampAndPerson(), LampAndPerson(), {}, (320, 256))


def moments(first: int, last: int, *, empty: bool = False) -> list[Frame]:
    """Return ten frames a second."""
    image = fakes.picture(0 if empty else 90)
    return [Frame(image, k, k / 10, STARTED_S + k / 10) for k in range(first, last)]


class Play:
    """A loop over given moments."""

    def __init__(self, frames: list[Frame | Gap]) -> None:
        self.sink, self.source = fakes.KeepingSink(), fakes.ListSource(frames)
        self.people = parts.people_of(SETTINGS, MODELS)
        self.loop = Loop(self.parts())

    def parts(self, settings=SETTINGS, source=None) -> Parts:
        self.people.adopt(settings, MODELS)
        stages = parts.build_stages(settings, MODELS, Timings(), every_frame=False, people=self.people)
        return Parts(source or self.source, stages, [self.sink])

    def steps(self, number: int = 1_000) -> None:
        for _ in range(number):
            if not self.loop.step():
                return

    def told(self) -> list[tuple[str, int, str | None]]:
        return [(a.event_type.value, a.seq, a.reason.value if a.reason else None) for a in self.sink.alerts]


def test_an_open_episode_goes_on_when_the_dwell_time_changes_and_no_frame_is_lost():
    play = Play(moments(0, 30))
    play.steps(20)
    assert play.told() == [("start", 0, None)]
    for dwell_s in (5.0, 0.5, 60.0):
        play.loop.exchange(play.parts(lay_over(SETTINGS, {"alert.dwell_s": dwell_s}, "command")))
        play.steps(2)
    play.steps()
    assert [scene.frame.seq for scene in play.sink.scenes] == list(range(30))
    assert [len(scene.episodes) for scene in play.sink.scenes[20:]] == [1] * 10
    play.loop.end()
    assert play.told() == [("start", 0, None), ("end", 1, "stopped")]


def test_what_the_classifier_rejects_is_not_in_the_scene_and_never_alerts():
    stages = parts.build_stages(SETTINGS, LAMP_MODELS, Timings(), every_frame=False)
    walked = list(scenes(fakes.ListSource(moments(0, 40)), stages))
    seen = [scene for scene in walked if scene.tracks]
    assert seen
    assert {track.box for scene in walked for track in scene.tracks} == {(40, 10, 60, 30)}
    assert {alert.track.box for scene in walked for alert in scene.alerts} == {(40, 10, 60, 30)}
    for scene in seen:
        assert scene.classified in {(), (0,)}
        assert len(scene.verdicts) == len(scene.classified)
        assert scene.verdicts.rejected == frozenset()


def test_the_scene_has_which_faces_were_classified_as_mirror_images_without_those_that_are_no_face():
    stages = parts.build_stages(SETTINGS, LAMP_MODELS, Timings(), every_frame=True)
    given = []

    def mirrored(tracks, due):
        given.append(tuple(tracks[place].box[0] == 40 and len(given) % 2 == 0 for place in due))
        return given[-1]

    walked = list(scenes(fakes.ListSource(moments(0, 12)), replace(stages, mirrored=mirrored)))
    turned = [scene.mirrored for scene in walked if scene.classified]
    assert {*turned} == {frozenset(), frozenset({0})}
    assert [bool(one) for one in turned] == [any(row) for row in given if row][-len(turned) :]


def test_what_the_classifier_rejects_in_an_image_is_not_in_its_row():
    row = classify_frame("street.jpg", moments(0, 1)[0], LAMP_MODELS)
    assert [face["box"] for face in row["faces"]] == [[40, 10, 60, 30]]
    (face,) = edge.classify(moments(0, 1)[0].image, LAMP_MODELS)
    assert face.box == (40, 10, 60, 30)


def test_a_shorter_dwell_time_counts_from_when_the_person_was_first_without_a_mask():
    play = Play(moments(0, 30))
    play.loop.exchange(play.parts(lay_over(SETTINGS, {"alert.dwell_s": 60.0}, "command")))
    play.steps(25)
    assert play.told() == []
    play.loop.exchange(play.parts())
    play.steps(1)
    assert play.told() == [("start", 0, None)]


class Walkers:
    """A detector that sees somebody walk to the right at 60 pixels per second."""

    def __init__(self) -> None:
        self.calls = 0

    def detect(self, frame):
        self.calls += 1
        left = 60 * frame.at
        return Faces(np.array([[left, 0, left + 20, 20]], np.float32), np.ones(1, np.float32))


def every_third(frame, _last) -> bool:
    return frame.seq % 3 == 0


def paced(detector, looks) -> list:
    """Return the scenes of 24 frames in 2.4 s of which `looks` chooses some."""
    models = parts.Models(detector, BareFace(), {}, (320, 256))
    stages = parts.build_stages(SETTINGS, models, Timings(), every_frame=False)
    return list(scenes(fakes.ListSource(moments(0, 24)), replace(stages, selects=looks)))


def test_in_skipped_frames_people_move_on_and_nothing_is_detected_or_decided():
    walkers = Walkers()
    *found, last = paced(walkers, every_third)
    assert walkers.calls == 8
    assert [scene.skipped for scene in found] == [seq % 3 != 0 for seq in range(24)]
    assert not any(scene.alerts or len(scene.verdicts) or scene.times for scene in found if scene.skipped)
    boxes = [scene.tracks[0].box[0] for scene in found[9:18]]
    assert boxes == pytest.approx([60 * seq / 10 for seq in range(9, 18)], abs=2)
    assert [len(scene.visible) for scene in found[9:18]] == [1] * 9
    assert [alert.event_type.value for scene in [*found, last] for alert in scene.alerts] == ["start", "end"]
    assert [scene.unmasked for scene in found[15:18]] == [True] * 3


def test_the_scene_of_a_look_has_how_long_each_stage_took():
    (first, *_), looks = paced(Walkers(), every_third), []
    assert first.times is not None
    assert first.times.capture is None
    assert first.times.walk_s == pytest.approx(first.decided_at - first.frame.read_at - first.times.queue, abs=1e-6)
    paced(Walkers(), lambda _frame, last: looks.append(last.skipped) or True)
    assert looks == [False] * 24, "it is asked after the last look"


def test_of_another_source_everything_begins_anew():
    play = Play(moments(0, 20))
    play.steps(20)
    play.loop.end()
    play.people = parts.people_of(SETTINGS, MODELS)
    play.loop.exchange(play.parts(source=fakes.ListSource(moments(0, 20))))
    play.steps()
    assert [kind for kind, _, _ in play.told()] == ["start", "end", "start"]
    assert [scene.frame.seq for scene in play.sink.scenes if scene.frame] == [*range(20), *range(20)]


def test_when_somebody_was_first_seen_is_the_same_in_every_message_whatever_a_frame_took():
    """It moved by the latency of each frame, and by the time since the last one at the end."""
    play = Play([*moments(0, 330), Gap(33.0), Gap(36.0), *moments(361, 380, empty=True), *moments(380, 400)])
    play.steps()
    play.loop.end()
    assert [kind for kind, _, _ in play.told()] == ["start", "update", "end", "start", "end"]
    said = [
        sender().alert(alert, scene, MODEL).body["first_seen"] for scene in play.sink.scenes for alert in scene.alerts
    ]
    assert len(set(said[:3])) == len(set(said[3:])) == 1
    assert said[0] != said[3]


def rules(**changes) -> NoticeRules:
    timing = NoticeTiming(hold_s=0.0, repeat_s=0.0, remind_s=600.0, reminders=0)
    return NoticeRules(Phrases((Phrase("en", "keep apart"),)), timing, VolumeSchedule(0.5), **changes)


def notices(*steps: Frame | Gap) -> list[Notice]:
    """Return the notice of each scene of a run with a policy."""
    policy = NoticePolicy(rules(), minute=lambda: 0)
    stages = parts.build_stages(SETTINGS, MODELS, Timings(), every_frame=False, notice=policy)
    return [scene.notice for scene in scenes(fakes.ListSource(steps), stages)]


def test_the_notice_stands_on_every_scene_is_heard_in_one_and_is_off_at_the_end():
    found = notices(*moments(0, 30), Gap(3.0), Gap(3.0))
    opened = [notice.state.value for notice in found].index("on")
    assert 0 < opened < 29
    assert [notice.state.value for notice in found[opened:]] == ["on"] * (32 - opened) + ["off"]
    assert [notice.volume for notice in found[opened:]] == [0.5] + [0.0] * (32 - opened)
    assert found[-1] == Notice()


def test_a_moment_without_a_frame_can_end_the_notice():
    found = notices(*moments(0, 20), Gap(2.0), Gap(60.0))
    assert [notice.state.value for notice in found[19:]] == ["on", "on", "off", "off"]


def test_aggregate_mode_and_stages_without_a_policy_give_no_notice():
    policy = NoticePolicy(rules(), minute=lambda: 0)
    joined = parts.build_stages(SETTINGS, MODELS, Timings(), every_frame=False, notice=policy)
    plain = parts.build_stages(SETTINGS, MODELS, Timings(), every_frame=False)
    for stages in (parts.counting(joined), plain):
        found = [scene.notice for scene in scenes(fakes.ListSource(moments(0, 20)), stages)]
        assert found == [Notice()] * 21


def test_a_notice_that_ended_with_a_run_does_not_come_back_in_the_next_one():
    """It would be held for `hold_s` at another camera, where nobody was seen without a mask."""
    held = replace(rules(), timing=NoticeTiming(hold_s=600.0, repeat_s=0.0, remind_s=600.0, reminders=0))
    policy, sink = NoticePolicy(held, minute=lambda: 0), fakes.KeepingSink()
    stages = parts.build_stages(SETTINGS, MODELS, Timings(), every_frame=False, notice=policy)
    for frames in (moments(0, 20), moments(0, 1, empty=True)):
        loop = Loop(Parts(fakes.ListSource(frames), stages, [sink]))
        while loop.step():
            last = sink.scenes[-1].notice.state.value
        loop.end()
        assert last == ("on" if len(frames) > 1 else "off")
