"""Checks of the machine: memory, disk, clock, heat and power."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from edge.doctor.host import Finding, State
from edge.monitor.host import temperature_c
from edge.paths import SERVICE_STATE

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.doctor.host import Host


class _Usage(Protocol):
    """What shutil.disk_usage tells, as far as it matters here."""

    @property
    def free(self) -> int:
        """Bytes that are left."""
        ...


_MEMORY_MB = 700
"""Memory and swap together below which a start may be killed: the watch takes 250 MB, a desktop 300 MB."""
_FREE_MB = 100
_HOT_C = 80.0
"""Where a Raspberry Pi begins to slow down. Source: Raspberry Pi documentation, frequency management, 80 °C."""
_THROTTLED = {
    0: "under-voltage now",
    1: "frequency capped now",
    2: "throttled now",
    3: "soft temperature limit now",
    16: "under-voltage since power-on",
    18: "throttled since power-on",
}
"""Bits of `vcgencmd get_throttled`. Source: Raspberry Pi documentation, vcgencmd."""


def memory(world: Host) -> Finding:
    """Check memory and swap."""
    fields = dict(line.split(":", 1) for line in world.text("/proc/meminfo").splitlines() if ":" in line)
    total_mb = sum(int(fields.get(key, "0 kB").split()[0]) for key in ("MemTotal", "SwapTotal")) // 1024
    if total_mb < _MEMORY_MB:
        text = f"{total_mb} MB with swap; a start may be killed"
        return Finding("memory", State.ODD, text, "sudo apt install zram-tools, or no desktop (raspi-config)")
    return Finding("memory", State.OK, f"{total_mb} MB with swap")


def outbox_folder(world: Host, outbox: str) -> Path | None:
    """Return where alerts wait: as `mqtt.outbox` says, else the service's folder or the user's; None: memory."""
    if outbox == "memory":
        return None
    service = world.path(str(SERVICE_STATE))
    home = Path(world.environ.get("XDG_STATE_HOME") or Path(world.environ.get("HOME", "/")) / ".local/state")
    return Path(outbox).parent if outbox else service if service.exists() else home / "maskwatch"


def disk(folder: Path | None, usage: Callable[[Path], _Usage] = shutil.disk_usage) -> Finding:
    """Check that undelivered alerts can be kept: their folder can be written and has room; None: memory."""
    if folder is None:
        return Finding("disk", State.OK, "undelivered alerts are kept in memory, as set (mqtt.outbox)")
    folder = _existing(folder)
    try:
        with tempfile.NamedTemporaryFile(dir=folder):
            pass
    except PermissionError:
        return Finding("disk", State.OK, f"{folder} is the service's own: to look into it, sudo maskwatch doctor")
    except OSError as error:
        text = f"{folder}: {error.strerror}: undelivered alerts are kept in memory and end with the power"
        return Finding("disk", State.ODD, text, "name a place that can be written in mqtt.outbox")
    free_mb = usage(folder).free // 2**20
    if free_mb < _FREE_MB:
        return Finding("disk", State.ODD, f"{folder}: {free_mb} MB are left", "sudo journalctl --vacuum-size=50M")
    return Finding("disk", State.OK, f"{folder}: {free_mb} MB are left")


def _existing(folder: Path) -> Path:
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    return folder


def clock(world: Host) -> Finding:
    """Check that the time is set: a Pi has no clock of its own."""
    answer = world.run(["timedatectl", "show", "-p", "NTPSynchronized", "--value"])
    if answer.code == 0 and answer.out.strip() == "no":
        mend = "sudo timedatectl set-ntp true; without internet name a local server in /etc/systemd/timesyncd.conf"
        return Finding("clock", State.ODD, "it is not synchronised: alerts say clock_synced: false", mend)
    if answer.code == 0:
        return Finding("clock", State.OK, "synchronised")
    return Finding("clock", State.OK, "not asked: systemd does not keep the time here")


def heat(world: Host) -> Finding:
    """Check how warm the chips are."""
    hottest_c = temperature_c(world.path("/sys/class/thermal"))
    if hottest_c is None:
        return Finding("heat", State.OK, "no thermometer here")
    if hottest_c >= _HOT_C:
        return Finding("heat", State.ODD, f"{hottest_c:.0f} °C: it slows down", "give it a heat sink, shade, air")
    return Finding("heat", State.OK, f"{hottest_c:.0f} °C")


def power(world: Host) -> Finding:
    """Check what the Pi's firmware says of its supply."""
    answer = world.run(["vcgencmd", "get_throttled"])
    throttled = re.fullmatch(r"throttled=0x([0-9a-f]+)", answer.out.strip())
    if throttled is None:
        return Finding("power", State.OK, "not told on this machine")
    bits = int(throttled[1], 16)
    told = [words for bit, words in _THROTTLED.items() if bits >> bit & 1]
    if any("voltage" in words for words in told):
        return Finding("power", State.ODD, ", ".join(told), "use the Pi's own supply and a short cable")
    if told:
        return Finding("power", State.ODD, ", ".join(told), "cool it")
    return Finding("power", State.OK, "no complaint")
