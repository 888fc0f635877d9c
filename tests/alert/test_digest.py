"""The digest of a clip's episodes: equal where the same was found, whatever ids and clocks say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge.alert.digest import EpisodeRecord
from edge.data import Alert, EventType, Faces, Frame, Mask, Reason, Scene, Track


def scene(number: int | None, *alerts: Alert) -> Scene:
    image = np.zeros((4, 4, 3), np.uint8)
    frame = None if number is None else Frame(image, number, at=number / 10, read_at=0.0)
    return Scene(frame, Faces.none(), (), alerts, 0.0)


def person(number: int, mask: Mask = Mask.WITHOUT_MASK) -> Track:
    return Track(number, (0.0, 0.0, 1.0, 1.0), 0, 0.0, 0.0, mask)


def record_of(*, key: str = "a", number: int = 7, at: float = 1.0, end: int = 9, reason=Reason.GONE) -> EpisodeRecord:
    start = Alert(key, EventType.START, 0, Mask.WITHOUT_MASK, person(number), at, at)
    update = replace(start, event_type=EventType.UPDATE, track=person(number, Mask.WITH_MASK))
    ended = replace(start, event_type=EventType.END, reason=reason)
    record = EpisodeRecord()
    for moment in (scene(3, start), scene(5, update), scene(None), scene(end, ended)):
        record.put(moment)
    return record


def test_an_episode_has_its_frames_labels_and_reason():
    (episode,) = record_of().episodes
    assert (episode.person, episode.first, episode.last, episode.reason) == (0, 3, 9, "gone")
    assert episode.labels == ("without_mask", "with_mask")


@pytest.mark.parametrize("changes", [{"key": "b"}, {"number": 8}, {"at": 1.0000001}])
def test_ids_and_clocks_do_not_change_the_digest(changes):
    assert record_of(**changes).digest() == record_of().digest()


@pytest.mark.parametrize("changes", [{"end": 10}, {"reason": Reason.MASK_ON}])
def test_another_frame_or_reason_changes_the_digest(changes):
    assert record_of(**changes).digest() != record_of().digest()


def test_the_end_of_the_source_is_the_frame_after_the_last_one():
    start = Alert("a", EventType.START, 0, Mask.WITHOUT_MASK, person(1), 0.0, 0.0)
    record = EpisodeRecord()
    record.put(scene(3, start))
    record.put(scene(None, replace(start, event_type=EventType.END, reason=Reason.STOPPED)))
    assert record.episodes[0].last == 4
