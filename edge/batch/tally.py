"""Counts over all rows of a batch, in memory that does not grow with their number: what the summary page shows."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from edge.batch.rows import main_label
from edge.data import Mask

if TYPE_CHECKING:
    from collections.abc import Sequence

_T = TypeVar("_T")

LABELS = tuple(mask.value for mask in (Mask.WITH_MASK, Mask.WITHOUT_MASK, Mask.INCORRECT_MASK, Mask.UNSURE))
WITHOUT_FULL_MASK = (Mask.WITHOUT_MASK.value, Mask.INCORRECT_MASK.value)
CONFIDENCES = tuple(k / 20 for k in range(6, 21))
"""Edges of the bins of confidence; the largest of three probabilities is 1/3 or more."""
HEIGHTS_PX = (0.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, math.inf)
"""Edges of the bins of a face's height."""
LONGEST_LIST = 50
MOST_VIDEOS = 12
_TIME_BINS = 60
_SHORTEST_STEP_S = 0.25


class Histogram:
    """Counts by label in bins with fixed edges."""

    def __init__(self, edges: Sequence[float]) -> None:
        """Start with empty bins between each two edges, which ascend."""
        self.edges = edges
        self.counts = {label: [0] * (len(edges) - 1) for label in LABELS}

    def add(self, label: str, value: float) -> None:
        """Count a value; one beyond the edges goes into the first or last bin."""
        place = sum(value >= edge for edge in self.edges[1:-1])
        self.counts[label][place] += 1


class Timeline:
    """Sums by label over a range of unknown length: the bins double their width whenever they are full."""

    def __init__(self, step: float) -> None:
        """Start with bins that are `step` wide."""
        self.step = step
        self.samples = [0] * _TIME_BINS
        self.counts = {label: [0] * _TIME_BINS for label in LABELS}
        self.used = 0
        """Number of bins up to the last one with a sample."""

    def add(self, at: float, labels: Counter[str]) -> None:
        """Add one sample: how many people had each label at `at`, which is 0 or more."""
        while at >= _TIME_BINS * self.step:
            self._double()
        place = int(at / self.step)
        self.used = max(self.used, place + 1)
        self.samples[place] += 1
        for label, count in labels.items():
            self.counts[label][place] += count

    def _double(self) -> None:
        self.step *= 2
        self.used = (self.used + 1) // 2
        self.samples = _halved(self.samples)
        self.counts = {label: _halved(bins) for label, bins in self.counts.items()}

    def means(self) -> dict[str, list[float]]:
        """Return the mean number of people per sample, by label and bin."""
        return {
            label: [count / max(n, 1) for count, n in zip(bins, self.samples, strict=True)][: self.used]
            for label, bins in self.counts.items()
        }

    def sums(self) -> dict[str, list[float]]:
        """Return the number of people, by label and bin."""
        return {label: [float(count) for count in bins[: self.used]] for label, bins in self.counts.items()}


def _halved(bins: list[int]) -> list[int]:
    pairs = [first + second for first, second in zip(bins[::2], bins[1::2], strict=True)]
    return pairs + [0] * (len(bins) - len(pairs))


class Top(Generic[_T]):
    """The entries with the greatest keys; of equal ones, those that came first."""

    def __init__(self, size: int) -> None:
        """Keep at most `size` entries."""
        self._size = size
        self._heap: list[tuple[tuple[float, ...], int, _T]] = []
        self._added = 0

    def add(self, key: tuple[float, ...], entry: _T) -> None:
        """Keep an entry if its key is among the greatest."""
        self._added += 1
        item = (key, -self._added, entry)
        if len(self._heap) < self._size:
            heapq.heappush(self._heap, item)
        else:
            heapq.heappushpop(self._heap, item)

    def entries(self) -> list[_T]:
        """Return the entries, the greatest key first."""
        return [entry for _, _, entry in sorted(self._heap, reverse=True)]


@dataclass(frozen=True, slots=True)
class Found:
    """A face without a full mask: the one of its file that the model is least sure of."""

    source: str
    t_s: float | None
    label: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Doubt:
    """A file with people whose label is `unsure`."""

    source: str
    unsure: int
    people: int


@dataclass(frozen=True, slots=True)
class Video:
    """The labels of a video over its time."""

    source: str
    timeline: Timeline


class _File:
    """What is counted while the rows of one file come."""

    def __init__(self, source: str, step_s: float) -> None:
        self.source = source
        self.frames = 0
        self.last_frame = -1
        self.timeline = Timeline(step_s)
        self.least_sure: Found | None = None
        self._faces = Counter[str]()
        self._tracks: dict[int, Counter[str]] = {}

    @property
    def is_video(self) -> bool:
        """Whether it has more than one frame, or tracks; an image has neither."""
        return self.last_frame > 0 or bool(self._tracks)

    def add(self, row: dict[str, Any]) -> None:
        self.frames += 1
        self.last_frame = row["frame"]
        labels = Counter[str](face.get("track_label", face["label"]) for face in row["faces"])
        self.timeline.add(row["t_s"], labels)
        for face in row["faces"]:
            self._count(face)
            self._find_least_sure(row, face)

    def _count(self, face: dict[str, Any]) -> None:
        if "track_id" in face:
            self._tracks.setdefault(face["track_id"], Counter())[face["track_label"]] += 1
        else:
            self._faces[face["label"]] += 1

    def _find_least_sure(self, row: dict[str, Any], face: dict[str, Any]) -> None:
        least = self.least_sure.confidence if self.least_sure else math.inf
        if face["label"] in WITHOUT_FULL_MASK and face["confidence"] < least:
            t_s = row["t_s"] if "track_id" in face else None
            self.least_sure = Found(self.source, t_s, face["label"], face["confidence"])

    def people(self) -> Counter[str]:
        """Return people by label: the faces of an image, the tracks of a video."""
        return self._faces + Counter(main_label(seen) for seen in self._tracks.values())


class Tally:
    """Takes the rows of a batch in order, and the reasons of its bad inputs."""

    def __init__(self, every_s: float = 0.0) -> None:
        """Start without rows; `every_s` is the time between two rows of a video, if that is known."""
        self._step_s = max(every_s, _SHORTEST_STEP_S)
        self.images = self.videos = self.frames = self.faces = self.bad = self.alerts = 0
        self.people = Counter[str]()
        self.confidence = Histogram(CONFIDENCES)
        self.height_px = Histogram(HEIGHTS_PX)
        self.by_file = Timeline(1)
        self.least_sure = Top[Found](LONGEST_LIST)
        self.doubtful = Top[Doubt](LONGEST_LIST)
        self.over_time = Top[Video](MOST_VIDEOS)
        self.reasons: list[str] = []
        self._file: _File | None = None

    def write(self, row: dict[str, Any]) -> None:
        """Add one image or frame; the rows of a file follow each other."""
        file = self._file
        if file is None or row["source"] != file.source or row["frame"] <= file.last_frame:
            self._end_file()
            file = self._file = _File(row["source"], self._step_s)
        file.add(row)
        self.faces += len(row["faces"])
        for face in row["faces"]:
            self.confidence.add(face["label"], face["confidence"])
            self.height_px.add(face["label"], face["box"][3] - face["box"][1])

    def add_bad(self, reason: object) -> None:
        """Add the sentence about an input that could not be read, or not completely."""
        self.bad += 1
        if len(self.reasons) < LONGEST_LIST:
            self.reasons.append(str(reason))

    def close(self) -> None:
        """End the last file."""
        self._end_file()

    def _end_file(self) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        people = file.people()
        self.by_file.add(self.images + self.videos, people)
        self.people += people
        self._list(file, people)
        if file.is_video:
            self.videos += 1
            self.frames += file.frames
        else:
            self.images += 1

    def _list(self, file: _File, people: Counter[str]) -> None:
        if file.is_video:
            bare = sum(sum(file.timeline.counts[label]) for label in WITHOUT_FULL_MASK)
            self.over_time.add((bare,), Video(file.source, file.timeline))
        if file.least_sure:
            self.least_sure.add((-file.least_sure.confidence,), file.least_sure)
        if unsure := people[Mask.UNSURE.value]:
            self.doubtful.add((unsure, unsure / people.total()), Doubt(file.source, unsure, people.total()))
