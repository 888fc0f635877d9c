"""Checks of the machine: memory, speed, disk, clock, temperature and power."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from edge.doctor import Finding, FindingState
from edge.monitor.host import temperature_c
from edge.paths import SERVICE_STATE

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.doctor.host import Host
    from edge.settings.schema import Settings


class _Usage(Protocol):
    """The part of shutil.disk_usage's result that is used here."""

    @property
    def free(self) -> int:
        """Free bytes."""
        ...


_MEMORY_MB = 700
"""Memory and swap together below which a start may be killed: the service takes 250 MB, a desktop 300 MB."""
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


def memory(host: Host) -> Finding:
    """Check memory and swap."""
    fields = dict(line.split(":", 1) for line in host.text("/proc/meminfo").splitlines() if ":" in line)
    total_mb = sum(int(fields.get(key, "0 kB").split()[0]) for key in ("MemTotal", "SwapTotal")) // 1024
    text = f"{total_mb} MB including swap"
    if total_mb < _MEMORY_MB:
        fix = "sudo apt install zram-tools, or start without a desktop (raspi-config)"
        return Finding("memory", FindingState.WARNING, f"{text}; a start may be killed", fix)
    return Finding("memory", FindingState.OK, text)


def detector(host: Host, settings: Settings) -> Finding:
    """Measure, in a process of its own, which profile `auto` stands for here, and whether any is quick enough."""
    rule = settings.detector
    if rule.model or rule.profile != "auto":
        return Finding("detector", FindingState.OK, f"not measured: {rule.model or rule.profile} is set")
    answer = host.run_python(
        "import json; from edge.profiles import choose_for; "
        f"choice = choose_for({rule.rate_hz}, {rule.threads}, {rule.cpu_share}); "
        "print(json.dumps([choice.is_held, str(choice)]))"
    )
    if answer.code != 0:
        return Finding("detector", FindingState.OK, "not measured: the models do not run; see tflite")
    is_held, text = json.loads(answer.out)
    if is_held:
        return Finding("detector", FindingState.OK, f"auto: {text}")
    fix = "lower detector.rate_hz, or expect fewer frames per second than it"
    return Finding("detector", FindingState.WARNING, f"auto: {text}, too long for {rule.rate_hz:g} per second", fix)


def accelerator(host: Host, settings: Settings) -> Finding:
    """Try the delegate of the settings, in a process of its own, on the models of `live`."""
    if not settings.tflite.delegate:
        return Finding("accelerator", FindingState.OK, "none is set")
    used = settings.model_dump_json(include={"tflite", "detector", "classifier"})
    answer = host.run_python(
        "import json; from edge import stages; from edge.settings.schema import Settings; "
        f"settings = Settings.model_validate_json({used!r}); found = stages.acceleration_of(settings); "
        "stages.load_models(settings, profile='live', acceleration=found); print(json.dumps(found.problem))"
    )
    if answer.code != 0:
        return Finding("accelerator", FindingState.OK, "not tried: the models do not run; see tflite")
    problem = json.loads(answer.out)
    if not problem:
        return Finding("accelerator", FindingState.OK, f"{settings.tflite.delegate} gives the results of the CPU")
    fix = "see docs/accelerators.md; most devices serve one process: stop the service first"
    return Finding("accelerator", FindingState.WARNING, problem.removeprefix("off: "), fix)


def outbox_folder(host: Host, outbox: str) -> Path | None:
    """Return the folder of undelivered alerts: of `mqtt.outbox`, else the service's or the user's; None: memory."""
    if outbox == "memory":
        return None
    service = host.path(str(SERVICE_STATE))
    home = Path(host.environ.get("XDG_STATE_HOME") or Path(host.environ.get("HOME", "/")) / ".local/state")
    return Path(outbox).parent if outbox else service if service.exists() else home / "maskwatch"


def disk(folder: Path | None, usage: Callable[[Path], _Usage] = shutil.disk_usage) -> Finding:
    """Check that undelivered alerts can be stored: their folder is writable and has space; None: memory."""
    if folder is None:
        return Finding("disk", FindingState.OK, "undelivered alerts are kept in memory (mqtt.outbox)")
    folder = _existing(folder)
    try:
        with tempfile.NamedTemporaryFile(dir=folder):
            pass
    except PermissionError:
        text = f"not checked: {folder} belongs to the service; to check it: sudo maskwatch doctor"
        return Finding("disk", FindingState.OK, text)
    except OSError as error:
        text = f"{folder}: {error.strerror}: undelivered alerts are kept in memory and lost when the power fails"
        return Finding("disk", FindingState.WARNING, text, "set mqtt.outbox to a file in a writable folder")
    free_mb = usage(folder).free // 2**20
    text = f"{folder}: {free_mb} MB free"
    if free_mb < _FREE_MB:
        return Finding("disk", FindingState.WARNING, text, "sudo journalctl --vacuum-size=50M")
    return Finding("disk", FindingState.OK, text)


def _existing(folder: Path) -> Path:
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    return folder


def clock(host: Host) -> Finding:
    """Check that the time is synchronised: a Pi has no battery-backed clock."""
    answer = host.run(["timedatectl", "show", "-p", "NTPSynchronized", "--value"])
    if answer.code == 0 and answer.out.strip() == "no":
        fix = "sudo timedatectl set-ntp true; without internet, name a local server in /etc/systemd/timesyncd.conf"
        return Finding("clock", FindingState.WARNING, "not synchronised: alerts carry clock_synced: false", fix)
    if answer.code == 0:
        return Finding("clock", FindingState.OK, "synchronised")
    return Finding("clock", FindingState.OK, "not checked: systemd does not keep the time here")


def heat(host: Host) -> Finding:
    """Check the temperature of the chips."""
    hottest_c = temperature_c(host.path("/sys/class/thermal"))
    if hottest_c is None:
        return Finding("heat", FindingState.OK, "not checked: this machine has no temperature sensor")
    if hottest_c >= _HOT_C:
        fix = "add a heat sink, shade or ventilation"
        return Finding("heat", FindingState.WARNING, f"{hottest_c:.0f} °C: the processor slows down", fix)
    return Finding("heat", FindingState.OK, f"{hottest_c:.0f} °C")


def power(host: Host) -> Finding:
    """Check what the Pi's firmware reports about its power supply."""
    answer = host.run(["vcgencmd", "get_throttled"])
    throttled = re.fullmatch(r"throttled=0x([0-9a-f]+)", answer.out.strip())
    if throttled is None:
        return Finding("power", FindingState.OK, "not checked: this machine does not report it")
    bits = int(throttled[1], 16)
    reported = [words for bit, words in _THROTTLED.items() if bits >> bit & 1]
    if not reported:
        return Finding("power", FindingState.OK, "no problem reported")
    is_weak = any("voltage" in words for words in reported)
    fix = "use the Pi's own power supply and a short cable" if is_weak else "cool it"
    return Finding("power", FindingState.WARNING, ", ".join(reported), fix)
