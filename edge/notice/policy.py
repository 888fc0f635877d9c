"""When the people nearby are given a notice, and when it is heard: for each scene, from the episodes that are open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.data import EventType, Mask, Notice, NoticeState, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edge.data import Scene
    from edge.notice.phrases import Phrases
    from edge.notice.schedule import VolumeSchedule

_NEVER = float("-inf")


@dataclass(frozen=True, slots=True)
class NoticeTiming:
    """How long notices last, and how often they are heard.

    hold_s: shortest time that a notice or a thank-you is shown, so that it can be read.
    repeat_s: shortest time between two notices that are heard.
    remind_s, reminders: an episode that stays open is heard again after at least this interval, up to this number of
    times.
    """

    hold_s: float
    repeat_s: float
    remind_s: float
    reminders: int


@dataclass(frozen=True, slots=True)
class NoticeRules:
    """What the settings make of the policy.

    near_m: a notice is given only while somebody is this near to a person without a mask; 0: to anybody.
    """

    phrases: Phrases
    timing: NoticeTiming
    schedule: VolumeSchedule
    near_m: float = 0.0
    enabled: bool = True


class NoticePolicy:
    """The stage `notify`; it outlives every reload, and with it whether notices were switched on or off."""

    def __init__(self, rules: NoticeRules, minute: Callable[[], int]) -> None:
        """Start without a notice; `minute` returns the minute of the day, for the schedule."""
        self._rules = rules
        self._minute = minute
        self._switched: bool | None = None
        self._state = NoticeState.OFF
        self._since = _NEVER
        self._is_grateful = False
        self._heard: dict[str, int] = {}  # how often a notice was heard during each open episode, by event id
        self._heard_at = _NEVER
        self._was_heard = False

    def adopt(self, rules: NoticeRules) -> None:
        """Use other rules from now on; a notice that stands goes on in their words, and is not heard again."""
        self._rules = rules

    @property
    def enabled(self) -> bool:
        """Whether notices are given: as the settings specify, until somebody switches them."""
        return self._rules.enabled if self._switched is None else self._switched

    def switch(self, *, on: bool) -> None:
        """Switch all notices on or off from the next scene on; any thread may call this."""
        self._switched = on

    def judge(self, scene: Scene) -> Notice:
        """Return the notice of a scene; its volume is above 0 in the one scene in which it is to be heard."""
        now = scene.decided_at
        if not self.enabled:
            return self.withdraw()
        if scene.unmasked and self._is_near(scene):
            return self._ask(scene, now)
        if self._state is NoticeState.ON:
            return self._release(scene, now)
        if self._state is NoticeState.THANKS and self._is_held(now):
            return self.withdraw()
        return self._notice()

    def withdraw(self) -> Notice:
        """End the notice at once, and return that there is none."""
        self._state = NoticeState.OFF
        self._is_grateful = False
        return self._notice()

    def _is_near(self, scene: Scene) -> bool:
        return not self._rules.near_m or scene.someone_near(self._rules.near_m)

    def _ask(self, scene: Scene, now: float) -> Notice:
        """Show the notice at once; let it be heard for each new episode, and again as often as the timing allows."""
        self._is_grateful = False
        if self._state is not NoticeState.ON:
            self._state = NoticeState.ON
            self._since = now
            self._heard = {}
            self._was_heard = False
        self._heard = {event_id: self._heard.get(event_id, 0) for event_id in _unmasked(scene)}
        volume = self._volume() if self._may_be_heard(now) else 0.0
        if volume > 0:
            self._heard = {event_id: times + 1 for event_id, times in self._heard.items()}
            self._heard_at = now
            self._was_heard = True
        return self._notice(volume)

    def _may_be_heard(self, now: float) -> bool:
        """Return whether the timing allows a sound: for an episode not heard yet, or as a reminder of one that stays.

        Counted for each episode, so that one that stays open (a long wait, a poster) mutes nothing for newcomers.
        """
        quiet_s = now - self._heard_at
        timing, times = self._rules.timing, self._heard.values()
        if quiet_s < timing.repeat_s:
            return False
        is_reminder = quiet_s >= timing.remind_s and any(n <= timing.reminders for n in times)
        return is_reminder or 0 in times

    def _release(self, scene: Scene, now: float) -> Notice:
        """End a notice that was shown for long enough: with thanks if the last person put a mask on, not if they left.

        The thanks are heard only after a notice that was heard.
        """
        self._is_grateful = self._is_grateful or (not scene.unmasked and _has_masked(scene))
        if not self._is_held(now):
            return self._notice()
        if not self._is_grateful:
            return self.withdraw()
        self._state = NoticeState.THANKS
        self._since = now
        self._is_grateful = False
        return self._notice(self._volume() if self._was_heard else 0.0)

    def _is_held(self, now: float) -> bool:
        return now - self._since >= self._rules.timing.hold_s

    def _volume(self) -> float:
        return self._rules.schedule.at(self._minute())

    def _notice(self, volume: float = 0.0) -> Notice:
        """Return the notice in force, in the words of the rules."""
        phrases = self._rules.phrases
        words = {NoticeState.OFF: (), NoticeState.ON: phrases.please, NoticeState.THANKS: phrases.thanks}
        return Notice(self._state, words[self._state], volume)


def _unmasked(scene: Scene) -> Iterator[str]:
    """Yield the event ids of the open episodes of people without a mask."""
    return (alert.event_id for alert in scene.episodes if alert.episode is Mask.WITHOUT_MASK)


def _has_masked(scene: Scene) -> bool:
    """Return whether an episode of a person without a mask ended in this scene because the mask was put on."""
    return any(
        alert.event_type is EventType.END and alert.episode is Mask.WITHOUT_MASK and alert.reason is Reason.MASK_ON
        for alert in scene.alerts
    )
