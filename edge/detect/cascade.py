"""Faces in two steps: one model proposes them in the whole frame, a second one verifies each in a square around it.

A small detector takes hands, backs of heads, foliage and lights for faces; a network that sees the proposal enlarged,
with its surroundings, does not. On 1,000 street images without a close face, the first model alone finds four times as
many false ones. Verifying one costs a third of the first model's work. Where the verifier is in doubt, a larger one may
decide: on the same images half of the false faces are left, and of 1,000 faces in scenes three less are found.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from edge.boxes import clip, iou, nms
from edge.crop import cut, square_about
from edge.data import Faces, Frame

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edge.data import Floats
    from edge.detect import Detector

_SAME_IOU = 0.3
"""Overlap from which what the second model finds is the proposed face, and a proposal is where one was before."""
_MAX_IOU = 0.5
"""Two proposals of one face are verified to nearly the same box; of boxes that overlap more, the best stays."""
_TRUSTED = 2
"""Verifications in a row after which a place is trusted for a while."""
_AGAIN_S = 1.0
"""Time after which a trusted place is verified again, and after which a place without a proposal is forgotten."""
_FULL_RATE_HZ, _MOST_FRAMES = 15.0, 3.0
"""Frames per second at which a frame has just the work that the rule allows, and how many frames' worth it may have
in a slower loop: at 5 frames per second a crowd waits no longer for its verification, and the device works no more."""
_CORNERS = 2


@dataclass(frozen=True, slots=True)
class Verifier:
    """A model that verifies proposals.

    square: side of what it sees, in longer sides of the proposed box.  input_px: of its input, which is square.
    """

    detector: Detector
    square: float
    input_px: int

    def at(self, frame: Frame, box: Floats) -> _Verified:
        """Return what the model finds at a proposed box, of score 0 if it finds no face there."""
        square = square_about(box, (self.square - 1) / 2)
        image = cut(frame.image, square, self.input_px)
        found = self.detector.detect(Frame(image, frame.seq, at=frame.at, read_at=frame.read_at))
        if not len(found):
            return _NOTHING
        left, top, side = square
        to_frame = np.float32(side / self.input_px)
        corners = np.array([left, top, left, top], np.float32)
        boxes = found.boxes * to_frame + corners
        scores = np.where(iou(box[None], boxes)[0] >= _SAME_IOU, found.scores, 0)
        row = int(scores.argmax())
        if not scores[row]:
            return _NOTHING
        points = boxes[row].reshape(2, 2)
        if found.landmarks is not None:
            points = np.concatenate([points, found.landmarks[row] * to_frame + corners[:2]])
        return _Verified(float(scores[row]), (points - box[:2]) / (box[2:] - box[:2]))


@dataclass(frozen=True, slots=True)
class Doubt:
    """Which joint scores leave a proposal in doubt, from `low` to below `high`, and the verifier that then decides.

    per_frame: most proposals that it decides on in one frame of a camera, at 15 frames per second; the first verifier
    decides on the others.
    """

    low: float
    high: float
    verifier: Verifier
    per_frame: int

    def remains(self, joint: float) -> bool:
        """Return whether a joint score of the first verifier leaves a proposal in doubt."""
        return self.low <= joint < self.high


@dataclass(frozen=True, slots=True)
class CascadeRule:
    """What counts as a face, and how much work a frame may be.

    min_score: of a face, the geometric mean of the scores of proposal and verification.
    per_frame: most proposals that are verified in one frame of a camera, at 15 frames per second.
    doubt: None: the first verifier always decides.
    """

    min_score: float
    per_frame: int
    doubt: Doubt | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Verified:
    """What the verifier that decided made of a proposal.

    score: its score, 0 where it found no face.  was_in_doubt: another verifier had been in doubt.
    points: float32 (2, 2) or (7, 2), corners of the box and landmarks, if any, as shares of the proposed box, so that
    they move along with it.
    """

    score: float
    points: Floats
    was_in_doubt: bool = False


_NOTHING = _Verified(0.0, np.zeros((2, 2), np.float32))


class Cascade:
    """Detector of two or three detectors, for models whose model.toml has a table `verifier`.

    It verifies every proposal and remembers nothing, as files and single images want it; `watching` is for cameras.
    """

    def __init__(self, first: Detector, verifier: Verifier, rule: CascadeRule) -> None:
        """Verify what `first` proposes."""
        self._first = first
        self._verifier = verifier
        self._rule = rule

    def detect(self, frame: Frame) -> Faces:
        """Return the verified faces of a frame, best score first, boxes in pixels of `frame.image`."""
        proposed = self._first.detect(frame)
        rows = zip(proposed.boxes, proposed.scores.tolist(), strict=True)
        found = [self._verified(frame, box, score, True) for box, score in rows]  # noqa: FBT003
        return _faces(frame, proposed, found, self._rule.min_score)

    def watching(self) -> Detector:
        """Return a detector for the frames of one camera in their order, of bounded work per frame."""
        return _Watching(self._first, self._verified, self._rule)

    def _verified(self, frame: Frame, box: Floats, score: float, may_doubt: bool) -> _Verified:  # noqa: FBT001
        """Return what is found at a proposed box of some score, once more in doubt if `may_doubt`."""
        found = self._verifier.at(frame, box)
        doubt = self._rule.doubt
        if doubt is None or not may_doubt or not doubt.remains(_joint(score, found)):
            return found
        return replace(doubt.verifier.at(frame, box), was_in_doubt=True)


def for_camera(detector: Detector) -> Detector:
    """Return what detects in the frames of one camera; a detector of one model does so as it is."""
    return detector.watching() if isinstance(detector, Cascade) else detector


@dataclass(slots=True, eq=False)
class _Place:
    """A proposed box, and what became of it: nothing of the face itself is kept."""

    box: Floats
    proposed_at: float
    verified_at: float = -np.inf
    passed: int = 0
    verified: _Verified | None = None


@dataclass(slots=True)
class _Watching:
    """Verifies few proposals per frame, those that wait longest first; a place that passed twice stays for a second.

    A proposal that has never been verified, or was not when its turn came, is no face.
    """

    first: Detector
    verify: Callable[[Frame, Floats, float, bool], _Verified]
    rule: CascadeRule
    places: list[_Place] = field(default_factory=list)
    last_at: float = -np.inf

    def detect(self, frame: Frame) -> Faces:
        """Return the verified faces of a frame, best score first, boxes in pixels of `frame.image`."""
        proposed = self.first.detect(frame)
        places = self._proposed(proposed, frame.at)
        decided = self._decided(frame, places, proposed.scores)
        counted = [
            place.verified if row in decided or place.passed >= _TRUSTED else None for row, place in enumerate(places)
        ]
        return _faces(frame, proposed, counted, self.rule.min_score)

    def _decided(self, frame: Frame, places: Sequence[_Place], scores: Floats) -> list[int]:
        """Verify as many places as a frame allows, and of the doubtful ones as many once more; return their rows."""
        frames = min(max(1.0, (frame.at - self.last_at) * _FULL_RATE_HZ), _MOST_FRAMES)
        self.last_at = frame.at
        due = self._due(places, scores, frame.at)[: round(frames * self.rule.per_frame)]
        left = round(frames * self.rule.doubt.per_frame) if self.rule.doubt else 0
        for row in due:
            verified = self.verify(frame, places[row].box, float(scores[row]), left > 0)
            left -= verified.was_in_doubt
            self._decide(places[row], float(scores[row]), verified, frame.at)
        return due

    def _proposed(self, proposed: Faces, at: float) -> list[_Place]:
        """Return the place of each proposal, known or new, and forget those without one for a while."""
        known = [place for place in self.places if at - place.proposed_at <= _AGAIN_S]
        places = []
        for box in proposed.boxes:
            place = _nearest(box, known)
            if place is None:
                place = _Place(box, at)
            else:
                known.remove(place)
            place.box = box
            place.proposed_at = at
            places.append(place)
        self.places = places + known
        return places

    def _due(self, places: Sequence[_Place], scores: Floats, at: float) -> list[int]:
        """Return the rows to verify now: the longest wait first, then the best score."""
        rows = [
            row for row, place in enumerate(places) if place.passed < _TRUSTED or at - place.verified_at >= _AGAIN_S
        ]
        return sorted(rows, key=lambda row: (places[row].verified_at, -scores[row]))

    def _decide(self, place: _Place, score: float, verified: _Verified, at: float) -> None:
        place.verified = verified
        place.verified_at = at
        place.passed = place.passed + 1 if _joint(score, verified) >= self.rule.min_score else 0


def _nearest(box: Floats, places: Sequence[_Place]) -> _Place | None:
    """Return the place that a box overlaps most, if it does enough."""
    if not places:
        return None
    overlaps = iou(box[None], np.stack([place.box for place in places]))[0]
    best = int(overlaps.argmax())
    return places[best] if overlaps[best] >= _SAME_IOU else None


def _joint(score: float, verified: _Verified) -> float:
    """Return the geometric mean of both scores: one model alone does not make a face."""
    return math.sqrt(score * verified.score)


def _faces(frame: Frame, proposed: Faces, found: Sequence[_Verified | None], min_score: float) -> Faces:
    """Return the faces among the proposals, with the boxes and landmarks of the second model, best score first."""
    rows = [
        (joint, one.points * (box[2:] - box[:2]) + box[:2])
        for box, score, one in zip(proposed.boxes, proposed.scores.tolist(), found, strict=True)
        if one is not None and (joint := _joint(score, one)) >= min_score
    ]
    if not rows:
        return Faces.none()
    scores = np.array([score for score, _ in rows], np.float32)
    points = np.stack([points for _, points in rows]).astype(np.float32)
    boxes = clip(points[:, :2].reshape(-1, 4), *frame.size_px)
    kept = [row for row in nms(boxes, scores, _MAX_IOU) if (boxes[row, :2] < boxes[row, 2:]).all()]
    landmarks = points[kept, 2:] if points.shape[1] > _CORNERS else None
    return Faces(boxes[kept], scores[kept], landmarks)
