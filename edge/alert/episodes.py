"""Episodes: one for each person who goes without a mask for long enough, until it is on or the person is gone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from edge.data import Alert, EventType, Mask, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from edge.data import Track


@dataclass(slots=True)
class _Case:
    """What is remembered of one person: the open episode, or how long it has been brewing."""

    track: Track
    brewing: Mask | None = None
    brewing_since: float = 0.0
    clearing_since: float | None = None
    told: Alert | None = None
    told_mask: Mask = Mask.UNSURE


class EpisodePolicy:
    """Policy of episodes: start after dwelling, update on change, end after clearing or being gone."""

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
        """Open episodes for masks worn wrongly too where `incorrect`; `new_id` names episodes."""
        self.adopt(dwell_s=dwell_s, clear_s=clear_s, gone_s=gone_s, update_s=update_s, incorrect=incorrect)
        self._new_id = new_id
        self._cases: dict[int, _Case] = {}

    def adopt(self, *, dwell_s: float, clear_s: float, gone_s: float, update_s: float, incorrect: bool) -> None:
        """Go on by other settings; episodes that are open stay so."""
        self._dwell_s, self._clear_s, self._gone_s, self._update_s = dwell_s, clear_s, gone_s, update_s
        self._kinds = {Mask.WITHOUT_MASK, Mask.INCORRECT_MASK} if incorrect else {Mask.WITHOUT_MASK}

    def judge(self, tracks: Sequence[Track], at: float) -> tuple[Alert, ...]:
        """Return the alerts that are due at `at` seconds on the source's clock."""
        for track in tracks:
            self._cases.setdefault(track.id, _Case(track)).track = track
        alerts = tuple(alert for case in self._cases.values() for alert in self._step(case, at))
        known = {track.id for track in tracks}
        self._cases = {key: case for key, case in self._cases.items() if case.told or key in known}
        return alerts

    def open(self) -> tuple[Alert, ...]:
        """Return the newest alert of every open episode."""
        return tuple(case.told for case in self._cases.values() if case.told)

    def close(self, at: float, reason: Reason) -> tuple[Alert, ...]:
        """End every open episode and return the alerts that say so."""
        return tuple(self._end(case, at, reason) for case in self._cases.values() if case.told)

    def _step(self, case: _Case, at: float) -> Iterator[Alert]:
        if case.track.last_seen < at:
            if case.told and at - case.track.last_seen >= self._gone_s:
                yield self._end(case, at, Reason.GONE)
            return
        if case.told:
            yield from self._follow(case, case.told, at)
        if not case.told:
            yield from self._brew(case, at)

    def _brew(self, case: _Case, at: float) -> Iterator[Alert]:
        """Open an episode once the verdict has held for `dwell_s`; unsure neither starts nor stops the clock."""
        mask = case.track.mask
        if mask is Mask.UNSURE:
            return
        if mask is not case.brewing:
            case.brewing, case.brewing_since = (mask if mask in self._kinds else None), at
        if case.brewing in self._kinds and at - case.brewing_since >= self._dwell_s:
            since = case.brewing_since
            case.told = Alert(self._new_id(), EventType.START, 0, mask, case.track, since, at)
            case.told_mask, case.clearing_since = mask, None
            yield case.told

    def _follow(self, case: _Case, told: Alert, at: float) -> Iterator[Alert]:
        """Close the episode once another verdict has held for `clear_s`; tell of changes and every `update_s`."""
        mask = case.track.mask
        if mask is told.episode:
            case.clearing_since = None
        elif mask is not Mask.UNSURE:
            case.clearing_since = at if case.clearing_since is None else case.clearing_since
            if at - case.clearing_since >= self._clear_s:
                yield self._end(case, at, Reason.MASK_ON)
                return
        changed = mask not in (Mask.UNSURE, case.told_mask)
        if changed or at - told.raised_at >= self._update_s:
            case.told = self._next(told, EventType.UPDATE, case.track, at)
            case.told_mask = case.told_mask if mask is Mask.UNSURE else mask
            yield case.told

    def _end(self, case: _Case, at: float, reason: Reason) -> Alert:
        if case.told is None:
            raise ValueError(f"track {case.track.id} has no open episode")
        ended = replace(self._next(case.told, EventType.END, case.track, at), reason=reason)
        case.told, case.brewing, case.clearing_since = None, None, None
        return ended

    def _next(self, told: Alert, event_type: EventType, track: Track, at: float) -> Alert:
        return replace(told, event_type=event_type, seq=told.seq + 1, track=track, raised_at=at)
