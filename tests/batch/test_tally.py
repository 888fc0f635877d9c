"""Counts over all rows of a batch, in memory that does not grow with their number."""

from __future__ import annotations

import tracemalloc
from collections import Counter

import pytest

from edge.batch.tally import LONGEST_LIST, MOST_VIDEOS, Histogram, Tally, Timeline, Top


def face(label: str, confidence: float = 0.9, height: float = 40, track: int | None = None, voted: str = "") -> dict:
    made = {"box": [0.0, 0.0, 30.0, height], "score": 0.9, "label": label, "confidence": confidence}
    return made if track is None else made | {"track_id": track, "track_label": voted or label}


def row(source: str, *faces: dict, frame: int = 0, t_s: float = 0.0) -> dict:
    return {"source": source, "frame": frame, "t_s": t_s, "width": 100, "height": 100, "faces": list(faces)}


def tally_of(*rows: dict) -> Tally:
    made = Tally()
    for one in rows:
        made.write(one)
    made.close()
    return made


def test_faces_of_images_and_tracks_of_videos_are_people():
    made = tally_of(
        row("a.jpg", face("with_mask"), face("unsure")),
        row("b.mp4", face("unsure", track=1, voted="unsure")),
        row("b.mp4", face("with_mask", track=1, voted="without_mask"), frame=1, t_s=0.1),
        row("c.jpg"),
    )
    assert (made.images, made.videos, made.frames, made.faces) == (2, 1, 2, 4)
    assert made.people == {"with_mask": 1, "unsure": 1, "without_mask": 1}
    assert made.by_file.sums()["without_mask"] == [0, 1, 0]


def test_the_same_image_twice_is_two_files():
    assert tally_of(row("a.jpg", face("with_mask")), row("a.jpg", face("with_mask"))).images == 2


@pytest.mark.parametrize(("value", "place"), [(-1, 0), (0, 0), (9.99, 0), (10, 1), (19, 1), (20, 2), (500, 2)])
def test_a_value_is_counted_in_its_bin(value, place):
    made = Histogram((0, 10, 20, 30))
    made.add("unsure", value)
    assert made.counts["unsure"].index(1) == place


def test_a_timeline_of_unknown_length_keeps_all_counts():
    made = Timeline(1)
    for second in range(1000):
        made.add(second, Counter({"with_mask": 2, "unsure": second % 2}))
    assert (made.step, made.used, len(made.samples)) == (32, 32, 60)
    assert sum(made.sums()["with_mask"]) == 2000
    assert set(made.means()["with_mask"]) == {2}
    assert made.means()["unsure"][0] == 0.5


def test_the_entries_with_the_greatest_keys_are_kept_the_first_of_equal_ones_first():
    made = Top[str](3)
    for key, name in ((1, "a"), (5, "b"), (3, "c"), (3, "d"), (3, "e"), (0, "f")):
        made.add((key,), name)
    assert made.entries() == ["b", "c", "d"]


def test_the_least_sure_face_without_a_full_mask_stands_for_its_file():
    made = tally_of(
        row("sure.jpg", face("without_mask", 0.9)),
        row("b.mp4", face("incorrect_mask", 0.6, track=1)),
        row("b.mp4", face("incorrect_mask", 0.5, track=1), frame=9, t_s=1.5),
        row("masked.jpg", face("with_mask", 0.4), face("unsure", 0.4)),
    )
    found = [(entry.source, entry.confidence, entry.t_s) for entry in made.least_sure.entries()]
    assert found == [("b.mp4", 0.5, 1.5), ("sure.jpg", 0.9, None)]


def test_the_files_with_most_unsure_people_come_first():
    made = tally_of(
        row("one.jpg", face("unsure"), face("with_mask")),
        row("two.jpg", face("unsure"), face("unsure"), face("with_mask")),
        row("none.jpg", face("with_mask")),
        row("all.jpg", face("unsure")),
    )
    doubts = [(entry.source, entry.unsure, entry.people) for entry in made.doubtful.entries()]
    assert doubts == [("two.jpg", 2, 3), ("all.jpg", 1, 1), ("one.jpg", 1, 2)]


def test_a_video_of_which_one_frame_in_two_seconds_is_classified_has_no_holes():
    made = Tally(every_s=2)
    for frame in range(8):
        made.write(row("a.mp4", face("unsure", track=1), frame=frame, t_s=2.0 * frame))
    made.close()
    assert made.over_time.entries()[0].timeline.sums()["unsure"] == [1] * 8


def test_memory_does_not_grow_with_the_number_of_files():
    peaks = []
    for files in (3_000, 12_000):
        tracemalloc.start()
        made = Tally()
        for number in range(files):
            made.write(
                row(f"{number}.mp4", face("without_mask", 0.3 + number % 70 / 100, track=1), face("unsure", track=2))
            )
            made.add_bad(f"{number}.jpg: is not an image")
        made.close()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]
    assert (len(made.reasons), made.bad) == (LONGEST_LIST, 12_000)
    assert len(made.least_sure.entries()) == len(made.doubtful.entries()) == LONGEST_LIST
    assert len(made.over_time.entries()) == MOST_VIDEOS
