"""Episodes: one for each person who wears no mask for long enough, until the mask is on or the person is gone.

Somebody who turns away is lost, and a new track when they turn back: their open episode goes on with a newcomer of
their size where they are expected. Nothing else is compared.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from edge.boxes import match
from edge.data import Alert, EventType, Mask, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from edge.data import Box, Floats, Track


_EARLY_S = 0.1
"""How much before the dwell time an alert may come: of frames 0.2 s apart, the nearest to it is at most this early.

Without it, somebody who is bare for just the dwell time is missed wherever jitter brings the last frame early.
"""

_MIN_IOU = 0.25
"""Overlap from which a newcomer is preferred to others nearby: that at which a face continues a track by default."""


@dataclass(slots=True)
class _Case:
    """The state of one person: the open episode, or the kind that may open and since when it has been seen.

    pause_s: between the last two sightings.  free_since: when the last episode ended.
    """

    track: Track
    pause_s: float = 0.0
    free_since: float = -math.inf
    pending: Mask | None = None
    pending_since: float = 0.0
    clearing_since: float | None = None
    newest: Alert | None = None
    reported_mask: Mask = Mask.UNSURE


class EpisodePolicy:
    """Opens, updates and ends the episodes of people."""

    def __init__(
        self,
        *,
        dwell_s: float,
        clear_s: float,
        gone_s: float,
        update_s: float,
        incorrect: bool,
        new_id: Callable[[], str],
    ) -> None:
        """Open episodes for incorrectly worn masks too if `incorrect` is set; `new_id` returns the id of an episode."""
        self.adopt(dwell_s=dwell_s, clear_s=clear_s, gone_s=gone_s, update_s=update_s, incorrect=incorrect)
        self._new_id = new_id
        self._cases: dict[int, _Case] = {}

    def adopt(self, *, dwell_s: float, clear_s: float, gone_s: float, update_s: float, incorrect: bool) -> None:
        """Use other settings from now on; open episodes stay open."""
        self._dwell_s, self._clear_s, self._gone_s, self._update_s = dwell_s, clear_s, gone_s, update_s
        self._kinds = {Mask.WITHOUT_MASK, Mask.INCORRECT_MASK} if incorrect else {Mask.WITHOUT_MASK}

    def judge(self, tracks: Sequence[Track], at: float) -> tuple[Alert, ...]:
        """Return the alerts that are due at `at` seconds on the source's clock."""
        self._rejoin([track for track in tracks if track.face is not None], at)
        for track in tracks:
            case = self._cases.setdefault(track.id, _Case(track))
            case.pause_s = track.last_seen - case.track.last_seen
            case.track = track
        alerts = tuple(alert for case in self._cases.values() for alert in self._step(case, at))
        known = {track.id for track in tracks}
        self._cases = {key: case for key, case in self._cases.items() if case.newest or key in known}
        return alerts

    def _rejoin(self, visible: Sequence[Track], at: float) -> None:
        """Let open episodes of those who are out of sight go on with newcomers who appear where they are expected."""
        seen = {track.id for track in visible}
        lost = [number for number, case in self._cases.items() if case.newest and number not in seen]
        new = [track for track in visible if track.id not in self._cases]
        expected = _boxes(self._cases[number].track.expected(at) for number in lost)
        for row, column in match(expected, _boxes(track.box for track in new), _MIN_IOU):
            if new[column].first_seen > self._cases[lost[row]].track.last_seen:
                self._hand_over(lost[row], new[column])

    def _hand_over(self, lost: int, track: Track) -> None:
        case = self._cases.pop(lost)
        newest = None if case.newest is None else replace(case.newest, track=track)
        self._cases[track.id] = replace(case, track=track, newest=newest, clearing_since=None)

    def open(self) -> tuple[Alert, ...]:
        """Return the newest alert of every open episode."""
        return tuple(case.newest for case in self._cases.values() if case.newest)

    def close(self, at: float, reason: Reason) -> tuple[Alert, ...]:
        """End every open episode and return its last alert."""
        return tuple(self._end(case, at, reason) for case in self._cases.values() if case.newest)

    def _step(self, case: _Case, at: float) -> Iterator[Alert]:
        if case.track.last_seen < at:
            if case.newest and at - case.track.last_seen >= self._gone_s:
                yield self._end(case, at, Reason.GONE)
            return
        if case.newest:
            yield from self._follow(case, case.newest, at)
        if not case.newest:
            yield from self._open_when_due(case, at)

    def _open_when_due(self, case: _Case, at: float) -> Iterator[Alert]:
        """Open an episode in the frame nearest to `dwell_s` after the first verdict of those that made the label.

        Unsure neither starts nor stops the clock.
        """
        mask = case.track.mask
        if mask is Mask.UNSURE:
            return
        if mask is not case.pending:
            agreed_since = at if case.track.agreed_since is None else case.track.agreed_since
            case.pending, case.pending_since = (
                (mask if mask in self._kinds else None),
                max(agreed_since, case.free_since),
            )
        early_s = min(case.pause_s / 2, _EARLY_S)
        if case.pending in self._kinds and at - case.pending_since >= self._dwell_s - early_s:
            since = case.pending_since
            case.newest = Alert(self._new_id(), EventType.START, 0, mask, case.track, since, at)
            case.reported_mask, case.clearing_since = mask, None
            yield case.newest

    def _follow(self, case: _Case, newest: Alert, at: float) -> Iterator[Alert]:
        """End the episode once another verdict has held for `clear_s`; report changes, and every `update_s`."""
        mask = case.track.mask
        if mask is newest.episode:
            case.clearing_since = None
        elif mask is not Mask.UNSURE:
            case.clearing_since = at if case.clearing_since is None else case.clearing_since
            if at - case.clearing_since >= self._clear_s:
                yield self._end(case, at, Reason.MASK_ON)
                return
        changed = mask not in (Mask.UNSURE, case.reported_mask)
        if changed or at - newest.raised_at >= self._update_s:
            case.newest = self._next(newest, EventType.UPDATE, case.track, at)
            case.reported_mask = case.reported_mask if mask is Mask.UNSURE else mask
            yield case.newest

    def _end(self, case: _Case, at: float, reason: Reason) -> Alert:
        if case.newest is None:
            raise ValueError(f"track {case.track.id} has no open episode")
        ended = replace(self._next(case.newest, EventType.END, case.track, at), reason=reason)
        case.newest, case.pending, case.clearing_since, case.free_since = None, None, None, at
        return ended

    def _next(self, newest: Alert, event_type: EventType, track: Track, at: float) -> Alert:
        return replace(newest, event_type=event_type, seq=newest.seq + 1, track=track, raised_at=at)


def _boxes(rows: Iterable[Box]) -> Floats:
    return np.array(list(rows), np.float32).reshape(-1, 4)
