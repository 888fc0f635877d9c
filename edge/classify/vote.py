"""The label of a person from the verdicts of single frames."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from edge.data import CLASSES, Mask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge.data import Floats, Track, Verdicts

_FORGET_HALF_LIVES = 5.0
"""A label without a sure verdict for this many half-lives becomes unsure: the evidence is down to 3 %."""

_REJECTIONS = 2
"""Rejections in a row after which somebody who was classified is nobody: a single one may be a hand in front."""


@dataclass(slots=True)
class _Ballot:
    """The votes of one person: decaying sums of probabilities and of verdicts, and which sure ones agree since when."""

    classified_at: float = -np.inf
    sure_at: float = -np.inf
    weight: float = 0.0
    votes: int = 0
    summed: Floats | None = None
    latest: Floats | None = None
    classified: int = 0
    rejections: int = 0
    agreed: Mask = Mask.UNSURE
    agreed_since: float = 0.0


class Voter:
    """Chooses whose face is classified, and labels people by their verdicts."""

    def __init__(
        self,
        *,
        every_s: float,
        max_per_frame: int,
        half_life_s: float,
        min_votes: int = 1,
        min_confidence: float = 0.0,
    ) -> None:
        """Classify a visible person every `every_s`; a verdict counts half after `half_life_s`."""
        self.adopt(every_s, max_per_frame, half_life_s, min_votes, min_confidence)
        self._ballots: dict[int, _Ballot] = {}
        self._asked_at = -np.inf

    def adopt(
        self, every_s: float, max_per_frame: int, half_life_s: float, min_votes: int, min_confidence: float
    ) -> None:
        """Use other settings from now on, and keep the votes so far."""
        self._every_s, self._max_per_frame = every_s, max_per_frame
        self._half_life_s = max(half_life_s, 1e-3)
        self._min_votes, self._min_confidence = min_votes, min_confidence

    def due(self, tracks: Sequence[Track], at: float) -> tuple[int, ...]:
        """Return the places of the tracks to classify now: visible ones that waited long enough, longest first.

        Long enough is in the frame nearest to `every_s`: at 5 frames per second 0.2 s come out as 0.19999 at times, and
        a face would wait for another frame.
        """
        wait_s = self._every_s - min(at - self._asked_at, self._every_s) / 2
        self._asked_at = at
        waited = {
            place: at - self._ballots.get(track.id, _Ballot()).classified_at
            for place, track in enumerate(tracks)
            if track.face is not None
        }
        due = sorted((place for place, s in waited.items() if s >= wait_s), key=lambda place: -waited[place])
        return tuple(due[: self._max_per_frame])

    def mirrored(self, tracks: Sequence[Track], due: Sequence[int]) -> tuple[bool, ...]:
        """Return for each place in `due` whether the face's mirror image is classified: every other time.

        Over the frames of a track it costs nothing to average both.
        """
        return tuple(self._ballots.get(tracks[place].id, _Ballot()).classified % 2 == 1 for place in due)

    def vote(self, tracks: Sequence[Track], due: Sequence[int], verdicts: Verdicts, at: float) -> tuple[Track, ...]:
        """Return the tracks with label, confidence and votes after `verdicts` on the tracks at the places `due`."""
        known = {track.id for track in tracks}
        self._ballots = {key: ballot for key, ballot in self._ballots.items() if key in known}
        for row, place in enumerate(due):
            self._ballots.setdefault(tracks[place].id, _Ballot()).classified += 1
            if row in verdicts.rejected:
                self._reject(tracks[place], at)
            else:
                self._cast(tracks[place], verdicts.probabilities[row], verdicts.masks[row], at)
        return tuple(self._labelled(track, at) for track in tracks if not self._is_rejected(track))

    def _reject(self, track: Track, at: float) -> None:
        ballot = self._ballots.setdefault(track.id, _Ballot())
        ballot.classified_at, ballot.rejections = at, ballot.rejections + 1

    def _is_rejected(self, track: Track) -> bool:
        """Return whether a track is nobody: one rejection is enough for a new one, two in a row for a person."""
        ballot = self._ballots.get(track.id, _Ballot())
        return ballot.rejections >= (1 if ballot.latest is None else _REJECTIONS)

    def _cast(self, track: Track, probabilities: Floats, mask: Mask, at: float) -> None:
        """Count a verdict; the first of a person stands for the time since they were first seen."""
        ballot = self._ballots.setdefault(track.id, _Ballot())
        begins_at = track.first_seen if ballot.latest is None else at
        ballot.classified_at, ballot.latest, ballot.rejections = at, probabilities, 0
        if mask is Mask.UNSURE:
            return
        if mask is not ballot.agreed:
            ballot.agreed, ballot.agreed_since = mask, begins_at
        kept = 0.0 if ballot.summed is None else 0.5 ** ((at - ballot.sure_at) / self._half_life_s)
        ballot.summed = probabilities if ballot.summed is None else ballot.summed * np.float32(kept) + probabilities
        ballot.weight = ballot.weight * kept + 1
        ballot.votes, ballot.sure_at = ballot.votes + 1, at

    def _labelled(self, track: Track, at: float) -> Track:
        ballot = self._ballots.get(track.id)
        if ballot is None or ballot.latest is None:
            return track
        mean = ballot.latest if ballot.summed is None else ballot.summed / np.float32(ballot.weight)
        probabilities = mean.tolist()
        first, second, third = probabilities
        confidence = max(probabilities)
        best = probabilities.index(confidence)
        fresh = track.face is None or at - ballot.sure_at <= _FORGET_HALF_LIVES * self._half_life_s
        sure = ballot.votes >= self._min_votes and fresh and confidence >= self._min_confidence
        agreed = CLASSES[best] is ballot.agreed
        return replace(
            track,
            mask=CLASSES[best] if sure else Mask.UNSURE,
            confidence=confidence,
            votes=ballot.votes,
            probabilities=(first, second, third),
            agreed_since=ballot.agreed_since if agreed else None,
        )
