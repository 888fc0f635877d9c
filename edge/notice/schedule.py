"""Hours of the day as the settings specify them, "22:00-06:00", and the volume of notices by the hour."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

_DAY_MIN = 24 * 60
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)\s*-\s*(?:([01]\d|2[0-3]):([0-5]\d)|24:00)")
_FORM = "write HH:MM-HH:MM, for example 22:00-06:00"


@dataclass(frozen=True, slots=True)
class Hours:
    """A part of each day, from one minute after midnight up to another; it may pass midnight, or be the whole day."""

    start_min: int
    end_min: int

    def __contains__(self, minute: int) -> bool:
        return (minute - self.start_min) % _DAY_MIN < ((self.end_min - self.start_min) % _DAY_MIN or _DAY_MIN)


def hours_of(text: str) -> Hours:
    """Return the hours that a text such as "22:00-06:00" specifies, in local time.

    Raises:
        ValueError: the text is in another form.
    """
    found = _HOURS.fullmatch(text.strip())
    if found is None:
        raise ValueError(_FORM)
    numbers = [int(group or 0) for group in found.groups()]
    return Hours(60 * numbers[0] + numbers[1], 60 * numbers[2] + numbers[3])


def volume_hours_of(text: str) -> tuple[Hours, float]:
    """Return the hours and the volume that a text such as "20:00-07:00 0.3" specifies.

    Raises:
        ValueError: the text is in another form.
    """
    part, _, volume = text.strip().rpartition(" ")
    if not part or not re.fullmatch(r"0(\.\d+)?|1(\.0+)?", volume):
        raise ValueError("write HH:MM-HH:MM and a volume from 0 to 1, for example 20:00-07:00 0.3")
    return hours_of(part), float(volume)


@dataclass(frozen=True, slots=True)
class VolumeSchedule:
    """The volume of notices, 0 to 1: none in quiet hours, else that of the first matching hours, else `volume`."""

    volume: float
    quiet: Hours | None = None
    by_hour: tuple[tuple[Hours, float], ...] = ()

    def at(self, minute: int) -> float:
        """Return the volume at a minute after local midnight."""
        if self.quiet is not None and minute in self.quiet:
            return 0.0
        return next((volume for hours, volume in self.by_hour if minute in hours), self.volume)


def minute_of_day(wall_s: float) -> int:
    """Return minutes since local midnight for seconds since 1970."""
    local = time.localtime(wall_s)
    return 60 * local.tm_hour + local.tm_min
