"""The doctor: every check of the machine in order, as a table for people and as JSON for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from edge.doctor import camera as camera_checks
from edge.doctor import hardware, packages, service
from edge.doctor.host import Finding, State

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from edge.doctor.host import Host
    from edge.settings.schema import Settings

_STYLES = {State.OK: "green", State.ODD: "yellow", State.MISSING: "bold red"}


def findings(world: Host, settings: Settings, folder: Path | None) -> Iterator[Finding]:
    """Yield what each check finds; `folder` is where alerts wait, None for memory."""
    yield packages.python(world)
    yield packages.venv(world)
    yield packages.opencv(world)
    yield packages.tflite(world)
    yield packages.picamera2(world)
    yield camera_checks.camera(world, settings)
    yield camera_checks.group(world)
    yield camera_checks.busy(world)
    yield packages.display(world, settings)
    yield packages.voice(world, settings)
    yield packages.mosquitto(world)
    yield hardware.memory(world)
    yield hardware.disk(folder)
    yield hardware.clock(world)
    yield hardware.heat(world)
    yield hardware.power(world)
    yield service.service(world)
    yield service.broker(settings)


def table(found: Sequence[Finding]) -> Table:
    """Return the findings for people: what, how it is, what mends it."""
    made = Table("check", "state", "found", "mend")
    for finding in found:
        made.add_row(
            finding.name, Text(finding.state.value, _STYLES[finding.state]), Text(finding.text), Text(finding.mend)
        )
    return made


def to_json(found: Sequence[Finding]) -> str:
    """Return the findings for programs: a list of objects with check, state, found and mend."""
    rows = [{"check": f.name, "state": f.state.value, "found": f.text, "mend": f.mend} for f in found]
    return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"
