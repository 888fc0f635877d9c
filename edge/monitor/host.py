"""Host metrics: temperature, memory and age of the process, each read from the kernel on demand."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

THERMAL = Path("/sys/class/thermal")
_PLAUSIBLE_C = (-40.0, 150.0)
"""Zones without a sensor report absolute zero and similar values."""


def temperature_c(zones: Path = THERMAL) -> float | None:
    """Return the temperature of the hottest zone, None if the machine reports none.

    Source: Documentation/driver-api/thermal/sysfs-api.rst of Linux: `temp` is in thousandths of a degree Celsius.
    """
    found = []
    with suppress(OSError):  # no file descriptor is left to list the folder
        for zone in sorted(zones.glob("thermal_zone*/temp")):
            with suppress(OSError, ValueError):  # a zone may be off
                found.append(int(zone.read_text("ascii")) / 1000)
    return max((value for value in found if _PLAUSIBLE_C[0] <= value <= _PLAUSIBLE_C[1]), default=None)


def rss_bytes() -> int | None:
    """Return the memory that the process uses, None without /proc. Source: proc(5), statm."""
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return None


def uptime_s() -> float | None:
    """Return the age of the process, None without /proc. Source: proc(5), stat, field 22: starttime."""
    try:
        fields = Path("/proc/self/stat").read_text("ascii").rpartition(")")[2].split()
        started_s = int(fields[19]) / os.sysconf("SC_CLK_TCK")
        return round(max(time.clock_gettime(time.CLOCK_BOOTTIME) - started_s, 0.0), 1)
    except (OSError, AttributeError):  # not on Linux
        return None


THROTTLED = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")
_CAUSES = ("under_voltage", "frequency_capped", "throttled", "soft_temperature_limit")


def throttled(path: Path = THROTTLED) -> dict[str, bool] | None:
    """Return why a Raspberry Pi slows its processor down now, by cause; None on other machines.

    Source: the documentation of Raspberry Pi, vcgencmd get_throttled: bits 0 to 3, in this order.
    """
    try:
        bits = int(path.read_text("ascii"), 16)
    except (OSError, ValueError):
        return None
    return {cause: bool(bits & 1 << place) for place, cause in enumerate(_CAUSES)}


@dataclass(frozen=True, slots=True)
class Heat:
    """How warm the machine is, None where it reports none, and whether it slows itself down because of that."""

    temperature_c: float | None
    slowed: bool


def heat() -> Heat:
    """Return the temperature, and whether a Raspberry Pi slows its processor down because of it."""
    causes = throttled() or {}
    return Heat(temperature_c(), slowed=any(causes.get(cause) for cause in ("throttled", "soft_temperature_limit")))


def written_bytes() -> int | None:
    """Return how many bytes the process had written to disk, None without /proc. Source: proc(5), io, write_bytes."""
    try:
        rows = dict(line.split(": ") for line in Path("/proc/self/io").read_text("ascii").splitlines())
        return int(rows["write_bytes"])
    except (OSError, ValueError, KeyError):
        return None
