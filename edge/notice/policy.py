"""When the people nearby are told, and how politely."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.data import EventType, Mask, Notice, NoticeState, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from edge.data import Scene
    from edge.notice import Announcer
    from edge.notice.phrases import Phrases

_NEVER = float("-inf")


@dataclass(frozen=True, slots=True)
class NoticeTiming:
    """How politely people are told.

    hold_s: shortest time that a notice or a thank-you stands, so that it can be read.
    repeat_s: shortest time between two notices that are heard.
    remind_s, reminders: an episode that stays open is heard again, at this interval at the shortest, up to this number
    of times.
    """

    hold_s: float
    repeat_s: float
    remind_s: float
    reminders: int


class Notifier:
    """Sink that tells the people nearby; comes first, and waits for no disk and no network."""

    def __init__(
        self,
        phrases: Phrases,
        announcers: Sequence[Announcer],
        manners: NoticeTiming,
        *,
        volume: Callable[[], float] = lambda: 1.0,
        wanted: Callable[[Scene], bool] = lambda _scene: True,
        enabled: Callable[[], bool] = lambda: True,
    ) -> None:
        """Tell by all `announcers`.

        volume: how loud now, 0 to 1.  wanted: whether a scene is worth it.  enabled: the switch for all notices.
        """
        self._phrases, self._announcers, self._manners = phrases, announcers, manners
        self._volume, self._wanted, self._enabled = volume, wanted, enabled
        self._state, self._since = NoticeState.OFF, _NEVER
        self._grateful = False
        self._heard: dict[str, int] = {}  # how often a notice was heard during each open episode, by event id
        self._heard_at, self._aloud = _NEVER, False

    def adopt(
        self,
        phrases: Phrases,
        announcers: Sequence[Announcer],
        manners: NoticeTiming,
        *,
        volume: Callable[[], float],
        wanted: Callable[[Scene], bool],
        enabled: Callable[[], bool],
    ) -> None:
        """Go on by other settings; a notice that stands is handed to other announcers without a sound."""
        differs = (phrases, list(announcers)) != (self._phrases, list(self._announcers))
        self._phrases, self._announcers, self._manners = phrases, announcers, manners
        self._volume, self._wanted, self._enabled = volume, wanted, enabled
        if differs and self._state is not NoticeState.OFF:
            words = phrases.please if self._state is NoticeState.ON else phrases.thanks
            self._announce(Notice(self._state, words, 0.0))

    def put(self, scene: Scene) -> None:
        """Open, hold, repeat and end the notice as the scene asks; return at once."""
        now = scene.decided_at
        if not self._enabled():
            self._clear()
        elif scene.unmasked and self._wanted(scene):
            self._ask(scene, now)
        elif self._state is NoticeState.ON:
            self._relent(scene, now)
        elif self._state is NoticeState.THANKS and self._held(now):
            self._clear()

    def close(self) -> None:
        """Stop telling."""
        self._clear()

    def _ask(self, scene: Scene, now: float) -> None:
        """Announce a new notice at once; sound it for each new episode, and again as often as manners allow."""
        self._grateful = False
        opens = self._state is not NoticeState.ON
        if opens:
            self._state, self._since = NoticeState.ON, now
            self._heard, self._aloud = {}, False
        self._heard = {event_id: self._heard.get(event_id, 0) for event_id in _unmasked(scene)}
        volume = self._volume() if self._sounds(now) else 0.0
        if volume > 0:
            self._heard = {event_id: times + 1 for event_id, times in self._heard.items()}
            self._heard_at, self._aloud = now, True
        if opens or volume > 0:
            self._announce(Notice(NoticeState.ON, self._phrases.please, volume))

    def _sounds(self, now: float) -> bool:
        """Return whether manners allow a sound: for an episode not heard yet, or as a reminder of one that stays.

        Counted for each episode, so that one that stays open (a long wait, a poster) silences nothing for newcomers.
        """
        quiet_s = now - self._heard_at
        if quiet_s < self._manners.repeat_s:
            return False
        times = self._heard.values()
        reminds = quiet_s >= self._manners.remind_s and any(n <= self._manners.reminders for n in times)
        return reminds or 0 in times

    def _relent(self, scene: Scene, now: float) -> None:
        """End a notice that was held for long enough: with thanks if the last one put a mask on, not if they left."""
        self._grateful = self._grateful or (not scene.unmasked and _masked(scene))
        if not self._held(now):
            return
        if self._grateful:
            self._thank(now)
        else:
            self._clear()

    def _thank(self, now: float) -> None:
        """Say thank you once; aloud only after a notice that was heard."""
        self._state, self._since, self._grateful = NoticeState.THANKS, now, False
        self._announce(Notice(NoticeState.THANKS, self._phrases.thanks, self._volume() if self._aloud else 0.0))

    def _held(self, now: float) -> bool:
        return now - self._since >= self._manners.hold_s

    def _announce(self, notice: Notice) -> None:
        for announcer in self._announcers:
            announcer.announce(notice)

    def _clear(self) -> None:
        if self._state is NoticeState.OFF:
            return
        self._state, self._grateful = NoticeState.OFF, False
        for announcer in self._announcers:
            announcer.clear()


def _unmasked(scene: Scene) -> Iterator[str]:
    """Yield the event ids of the open episodes of somebody without a mask."""
    return (alert.event_id for alert in scene.episodes if alert.episode is Mask.WITHOUT_MASK)


def _masked(scene: Scene) -> bool:
    """Return whether an episode of somebody without a mask ended in this scene because the mask was put on."""
    return any(
        alert.event_type is EventType.END and alert.episode is Mask.WITHOUT_MASK and alert.reason is Reason.MASK_ON
        for alert in scene.alerts
    )
