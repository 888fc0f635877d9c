"""The values that flow through the walk of a frame: frozen, with their shapes checked where they are made."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

Image = NDArray[np.uint8]
"""uint8 (H, W, 3), BGR unless stated otherwise."""
Floats = NDArray[np.float32]
Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels of `Frame.image` unless stated otherwise."""


class Mask(Enum):
    """What a face wears; the value is the name in messages."""

    WITH_MASK = "with_mask"
    WITHOUT_MASK = "without_mask"
    INCORRECT_MASK = "incorrect_mask"
    UNSURE = "unsure"


CLASSES = (Mask.WITH_MASK, Mask.WITHOUT_MASK, Mask.INCORRECT_MASK)
"""The classes in the order of the columns of `Verdicts.probabilities`."""

APPEARANCE = ("brightness", "sharpness", "warmth", "tint")
"""What is measured of a crop, in the order of the columns of `Verdicts.appearance`.

Mean grey level; standard deviation of a Laplacian, grey levels; red less blue, and twice green less both, as shares of
the sum of the three mean colours.
"""

_COAST_S = 0.5
"""How long an unseen face is expected to move on; after that it is expected to stay where it would be."""


def _check(name: str, actual: tuple[int, ...], expected: tuple[int | None, ...]) -> None:
    """Raise ValueError unless `actual` is the shape `expected` (None: any length)."""
    if len(actual) != len(expected) or any(e not in (None, a) for a, e in zip(actual, expected, strict=True)):
        message = f"{name} has shape {actual}, expected {expected}"
        raise ValueError(message)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One image of a camera or a file.

    image: uint8 (H, W, 3), BGR; a read-only view, so that the array it was made from stays writable.
    small: the same image at detector size, uint8 (h, w, 3) BGR, or None.
    at: seconds on the source's monotonic clock; media time for files.
    read_at: seconds on this process's monotonic clock, for latencies.
    capture_s: time from the exposure to `read_at`; None where the camera reports none.
    """

    image: Image
    seq: int
    at: float
    read_at: float
    small: Image | None = None
    capture_s: float | None = None

    def __post_init__(self) -> None:
        _check("image", self.image.shape, (None, None, 3))
        view = self.image.view()
        view.setflags(write=False)
        object.__setattr__(self, "image", view)  # the dataclass is frozen

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height of the image."""
        return self.image.shape[1], self.image.shape[0]


@dataclass(frozen=True, slots=True)
class Gap:
    """A moment without a frame.

    at: seconds on the source's clock: that of a camera goes on, that of a file stops at its last frame.
    """

    at: float


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """The faces of one frame, best score first.

    boxes: float32 (N, 4), pixels of `Frame.image`, x1, y1, x2, y2.
    scores: float32 (N,), 0 to 1.
    landmarks: float32 (N, 5, 2), x, y in pixels, or None: eyes, nose, corners of the mouth, left to right in the image.
    """

    boxes: Floats
    scores: Floats
    landmarks: Floats | None = None

    def __post_init__(self) -> None:
        _check("boxes", self.boxes.shape, (None, 4))
        _check("scores", self.scores.shape, (len(self.boxes),))
        if self.landmarks is not None:
            _check("landmarks", self.landmarks.shape, (len(self.boxes), 5, 2))

    def __len__(self) -> int:
        return len(self.boxes)

    def take(self, rows: Sequence[int]) -> Faces:
        """Return the faces at some rows, in that order."""
        chosen = list(rows)
        landmarks = None if self.landmarks is None else self.landmarks[chosen]
        return Faces(self.boxes[chosen], self.scores[chosen], landmarks)

    @classmethod
    def none(cls) -> Faces:
        """Return no faces."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class Verdicts:
    """The classifications of N boxes.

    probabilities: float32 (N, 3) in the order of `CLASSES`, rows sum to 1; row i is box i.
    masks: the N labels, `UNSURE` where the thresholds of classifier or detector are not met.
    rejected: the rows that the classifier takes for no face at all: nobody is there.
    appearance: float32 (N, 4) by `APPEARANCE`; None where the classifier measures none.
    """

    probabilities: Floats
    masks: tuple[Mask, ...]
    rejected: frozenset[int] = frozenset()
    appearance: Floats | None = None

    def __post_init__(self) -> None:
        _check("probabilities", self.probabilities.shape, (len(self.masks), len(CLASSES)))
        if self.appearance is not None:
            _check("appearance", self.appearance.shape, (len(self.masks), len(APPEARANCE)))

    def __len__(self) -> int:
        return len(self.masks)

    @property
    def confidences(self) -> Floats:
        """The largest probability of each row, float32 (N,), also where the label is unsure."""
        highest: Floats = self.probabilities.max(1, initial=0.0)
        return highest

    @property
    def accepted(self) -> list[int]:
        """The rows that are not rejected."""
        return [row for row in range(len(self)) if row not in self.rejected]

    def take(self, rows: Sequence[int]) -> Verdicts:
        """Return the verdicts of some rows, in that order."""
        chosen = list(rows)
        rejected = frozenset(place for place, row in enumerate(chosen) if row in self.rejected)
        appearance = None if self.appearance is None else self.appearance[chosen]
        return Verdicts(self.probabilities[chosen], tuple(self.masks[row] for row in chosen), rejected, appearance)

    @classmethod
    def none(cls) -> Verdicts:
        """Return the verdicts on no boxes."""
        return cls(np.zeros((0, len(CLASSES)), np.float32), ())


@dataclass(frozen=True, slots=True)
class Metres:
    """A length in m, and the interval that holds it in 95 of 100 cases."""

    m: float
    low_m: float
    high_m: float


@dataclass(frozen=True, slots=True)
class Position:
    """Where a face is, as seen from the camera.

    place_m: right of, below and ahead of the camera, m.
    distance: from the camera in a straight line.
    error: of all three coordinates of `place_m` together, as a share (one standard deviation).
    focal_error: of the third coordinate alone, likewise; the same for all faces of a camera.
    """

    place_m: tuple[float, float, float]
    distance: Metres
    error: float
    focal_error: float

    def apart_m(self, other: Position) -> float:
        """Return how far another face is from this one, by the central estimate."""
        return math.dist(self.place_m, other.place_m)


@dataclass(frozen=True, slots=True)
class Track:
    """One person while in sight; nothing here can recognise them again.

    face: row in `Faces`, or None while unseen.
    votes: number of verdicts behind `mask`.  first_seen, last_seen: seconds on the source's clock.
    agreed_since: since when no sure verdict has contradicted `mask`, likewise; None: not known.
    speed: of the centre, px/s to the right and down.
    probabilities: the voted probabilities in the order of `CLASSES`.
    position: None without a face in this frame, where the border cuts the face, and where nothing is measured.
    """

    id: int
    box: Box
    face: int | None
    first_seen: float
    last_seen: float
    mask: Mask = Mask.UNSURE
    confidence: float = 0.0
    votes: int = 0
    probabilities: tuple[float, float, float] = (0.0, 0.0, 0.0)
    position: Position | None = None
    agreed_since: float | None = None
    speed: tuple[float, float] = (0.0, 0.0)

    def expected(self, at: float) -> Box:
        """Return the box as last seen, moved on by the speed for at most `_COAST_S`."""
        ahead_s = min(at - self.last_seen, _COAST_S)
        dx, dy = self.speed[0] * ahead_s, self.speed[1] * ahead_s
        x1, y1, x2, y2 = self.box
        return x1 + dx, y1 + dy, x2 + dx, y2 + dy


class EventType(Enum):
    """The moments of an episode that are published; the value is the name in messages."""

    START = "start"
    UPDATE = "update"
    END = "end"


class Reason(Enum):
    """Why an episode ended; the value is the name in messages."""

    MASK_ON = "mask_on"
    GONE = "gone"
    STOPPED = "stopped"
    RESTART = "restart"


@dataclass(frozen=True, slots=True)
class Alert:
    """One message of an episode, identified by (event_id, seq).

    episode: the label that opened the episode (WITHOUT_MASK or INCORRECT_MASK).
    track: the person as last seen.  since, raised_at: seconds on the source's clock.
    """

    event_id: str
    event_type: EventType
    seq: int
    episode: Mask
    track: Track
    since: float
    raised_at: float
    reason: Reason | None = None

    @property
    def dwell_s(self) -> float | None:
        """The time from the first sighting behind the label, in the alert that opens an episode."""
        return self.raised_at - self.since if self.event_type is EventType.START else None


class NoticeState(Enum):
    """Which notice is shown to the people nearby; the value is the name in messages."""

    OFF = "off"
    ON = "on"
    THANKS = "thanks"


@dataclass(frozen=True, slots=True)
class Phrase:
    """One sentence in one language, such as "en" or "pt-br"; it addresses everybody nearby, never one person."""

    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Notice:
    """The notice to the people nearby, as it stands after a frame.

    phrases: what is shown, in the order of the languages; none while it is off.
    volume: above 0, and 1 at the loudest, in the one scene in which the notice is to be heard; 0 in all others.
    """

    state: NoticeState = NoticeState.OFF
    phrases: tuple[Phrase, ...] = ()
    volume: float = 0.0


@dataclass(frozen=True, slots=True)
class StageTimes:
    """How long a frame was on its way through the stages, s.

    capture: see `Frame.capture_s`.  queue: from reading it to the first stage.  judge: tracks' positions included.
    """

    capture: float | None
    queue: float
    detect: float
    classify: float
    vote: float
    judge: float

    @property
    def walk_s(self) -> float:
        """The time of the walk itself."""
        return self.detect + self.classify + self.vote + self.judge

    def of_alert(self) -> dict[str, float | None]:
        """Return the stages as an alert names them, from the exposure to the decision; None: not known."""
        return {
            "capture": self.capture,
            "queue": self.queue,
            "detect": self.detect,
            "classify": self.classify,
            "vote": self.vote + self.judge,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """One walked frame, with everything that a sink needs.

    frame: None when the camera gave no frame.  decided_at: seconds on this process's monotonic clock.
    classified: place in `tracks` of the track that row i of `verdicts` classifies.
    mirrored: the rows of `verdicts` that classify the mirror image of the face.
    offset_s: added to a time on the source's clock, gives one on this process's monotonic clock; 0 for live cameras.
    episodes: the newest alert of every episode that is open after this frame.
    skipped: whether faces were not detected in this frame: faces and tracks are those of the last selected one.
    times: of the stages, where they ran.
    """

    frame: Frame | None
    faces: Faces
    tracks: tuple[Track, ...]
    alerts: tuple[Alert, ...]
    decided_at: float
    episodes: tuple[Alert, ...] = ()
    classified: tuple[int, ...] = ()
    verdicts: Verdicts = field(default_factory=Verdicts.none)
    offset_s: float = 0.0
    notice: Notice = field(default_factory=Notice)
    skipped: bool = False
    times: StageTimes | None = None
    mirrored: frozenset[int] = frozenset()

    @property
    def unmasked(self) -> bool:
        """Whether any episode of a person without a mask is open."""
        return any(alert.episode is Mask.WITHOUT_MASK for alert in self.episodes)

    def someone_near(self, near_m: float) -> bool:
        """Return whether anybody is within `near_m` of a person whose episode without a mask is open.

        By the central estimate, as alerts count: the lower bound of the interval would include people who stand well
        apart, and a notice that is limited to those near would be given at nearly every stop with two people at it.
        """
        known = {track.id: track.position for track in self.tracks if track.position is not None}
        unmasked = {alert.track.id for alert in self.episodes if alert.episode is Mask.WITHOUT_MASK} & known.keys()
        others = ((known[one], position) for one in unmasked for other, position in known.items() if other != one)
        return any(one.apart_m(other) <= near_m for one, other in others)

    @property
    def boxes(self) -> tuple[Box, ...]:
        """The boxes of all who may be in the image: tracks, lost ones too, and faces that are no track yet."""
        tracked = {track.face for track in self.tracks}
        others = [tuple(row) for face, row in enumerate(self.faces.boxes.tolist()) if face not in tracked]
        return (*(track.box for track in self.tracks), *others)

    @property
    def visible(self) -> tuple[Track, ...]:
        """The tracks that have a face in this frame."""
        return tuple(track for track in self.tracks if track.face is not None)
