"""Wall time, and whether it can be trusted; the only module that reads it. Published times are UTC, ISO 8601."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_RELEASED = date(2026, 11, 22)
"""A clock before this day has not been set since power-on."""
_TIMESYNC = Path("/run/systemd/timesync")


def utc(seconds: float) -> str:
    """Return seconds since 1970 as ISO 8601 with milliseconds and Z."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")[:-6] + "Z"


def seconds_of(text: str) -> float:
    """Return the seconds since 1970 of a time in ISO 8601, which is local unless it names its zone."""
    return datetime.fromisoformat(text).timestamp()


def local(seconds: float) -> str:
    """Return seconds since 1970 as date and time of day here, for people to read."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")


class Clock:
    """Wall time, and whether it can be trusted: a Pi has no battery-backed clock."""

    def __init__(
        self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic, boot: str = ""
    ) -> None:
        """Take the two clocks, both in seconds, and the id of the boot that the second one counts from."""
        self.wall = wall
        self.monotonic = monotonic
        self.boot = boot or _boot_id()

    def wall_of(self, monotonic_s: float) -> float:
        """Return seconds since 1970 for a moment on the process's monotonic clock."""
        return self.wall() - (self.monotonic() - monotonic_s)

    def today(self) -> date:
        """Return the local day, for counts since midnight."""
        return datetime.fromtimestamp(max(self.wall(), 0)).astimezone().date()

    def hour(self) -> int:
        """Return the local hour of day, 0 to 23."""
        return datetime.fromtimestamp(max(self.wall(), 0)).astimezone().hour

    def day(self) -> date:
        """Return the local day, never before that of the release, so that a clock that is not set revives nothing."""
        return max(self.today(), _RELEASED)

    def is_set(self) -> bool:
        """Return whether the clock is past the day of the release."""
        return self.wall() > datetime(_RELEASED.year, _RELEASED.month, _RELEASED.day, tzinfo=UTC).timestamp()

    def synced(self) -> bool:
        """Return whether the clock has been set: past the release, and confirmed where systemd keeps the time."""
        return self.is_set() and (not _TIMESYNC.is_dir() or (_TIMESYNC / "synchronized").exists())


def _boot_id() -> str:
    """Return the kernel's id of this boot. Source: random(4), boot_id."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return "unknown"
