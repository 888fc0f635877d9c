"""An hour at a drawn bus stop: people come and go, a poster stays, one person waits; who heard a notice, and when.

`python -m tests.support.busy_stop` prints the table for one seed.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from edge.alert.episodes import EpisodePolicy
from edge.data import Mask, NoticeState, Phrase
from edge.notice.phrases import Phrases
from edge.notice.policy import NoticePolicy, NoticeRules, NoticeTiming
from edge.notice.schedule import VolumeSchedule
from tests.support import fakes

TIMING = NoticeTiming(hold_s=4.0, repeat_s=20.0, remind_s=60.0, reminders=3)
"""As config/default.toml has them."""
DWELL_S, STEP_S, HOUR_S = 1.0, 0.5, 3600.0
_PHRASES = Phrases((Phrase("en", "keep your distance"),), (Phrase("en", "thank you"),))


@dataclass(frozen=True)
class Visitor:
    """One face at the stop, in sight from `comes_s` to `goes_s`."""

    id: int
    kind: str
    mask: Mask
    comes_s: float
    goes_s: float

    def here(self, at: float) -> bool:
        return self.comes_s <= at < self.goes_s


def visitors(seed: int) -> list[Visitor]:
    """Return a poster, one person who waits half an hour, and a person every 40 s or so, half of them bare."""
    dice = random.Random(seed)
    people = [
        Visitor(1, "poster", Mask.WITHOUT_MASK, 0.0, HOUR_S),
        Visitor(2, "waits", Mask.WITHOUT_MASK, 600.0, 2400.0),
    ]
    at = 0.0
    while (at := at + dice.expovariate(1 / 40)) < HOUR_S - 300:
        mask = dice.choice((Mask.WITHOUT_MASK, Mask.WITH_MASK))
        people.append(Visitor(len(people) + 1, "passes", mask, at, at + dice.uniform(5, 240)))
    return people


def play(people: list[Visitor], *, until_s: float = HOUR_S) -> list[float]:
    """Return the seconds at which a notice was heard."""
    episodes = EpisodePolicy(
        dwell_s=DWELL_S, clear_s=1.5, gone_s=3.0, update_s=30.0, incorrect=False, new_id=_counter().__next__
    )
    policy = NoticePolicy(NoticeRules(_PHRASES, TIMING, VolumeSchedule(1.0)), minute=lambda: 0)
    heard_s, at = [], 0.0
    while at < until_s:
        tracks = tuple(fakes.track(v.id, v.mask, at) for v in people if v.here(at))
        alerts = episodes.judge(tracks, at)
        notice = policy.judge(fakes.scene(tracks, alerts, episodes.open(), decided_at=at))
        if notice.state is NoticeState.ON and notice.volume > 0:
            heard_s.append(at)
        at += STEP_S
    return heard_s


def heard_by(visitor: Visitor, heard_s: list[float]) -> list[float]:
    """Return when a visitor heard a notice."""
    return [at for at in heard_s if visitor.here(at)]


def _counter() -> Iterator[str]:
    number = 0
    while True:
        number += 1
        yield f"e{number}"


def main(seed: int) -> None:
    people, write = visitors(seed), sys.stdout.write
    heard_s = play(people)
    bare = [v for v in people if v.mask is Mask.WITHOUT_MASK]
    for visitor in bare:
        times = " ".join(f"{at:.1f}" for at in heard_by(visitor, heard_s)[:6]) or "-"
        write(f"{visitor.id:3} {visitor.kind:7} {visitor.comes_s:7.1f} to {visitor.goes_s:7.1f} s   heard at {times}\n")
    without = [v for v in bare if not heard_by(v, heard_s)]
    write(f"{len(heard_s)} notices heard in an hour, {len(bare)} bare faces, {len(without)} heard none\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
