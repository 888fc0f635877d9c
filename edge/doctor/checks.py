"""All checks of the machine in order, as a table for people and as JSON for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from edge.doctor import Finding, FindingState, hardware, models, packages, service
from edge.doctor import camera as camera_checks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from edge.doctor.host import Host
    from edge.settings.schema import Settings

_STYLES = {FindingState.OK: "green", FindingState.WARNING: "yellow", FindingState.MISSING: "bold red"}


def findings(host: Host, settings: Settings, folder: Path | None) -> Iterator[Finding]:
    """Yield what each check finds; `folder` holds undelivered alerts, None if they are kept in memory."""
    yield packages.python(host)
    yield packages.venv(host)
    yield packages.opencv(host)
    yield packages.tflite(host)
    yield models.models(settings)
    yield packages.picamera2(host)
    yield camera_checks.camera(host, settings)
    yield camera_checks.group(host)
    yield camera_checks.busy(host)
    yield packages.display(host, settings)
    yield packages.voice(host, settings)
    yield packages.mosquitto(host)
    yield hardware.memory(host)
    yield hardware.detector(host, settings)
    yield hardware.accelerator(host, settings)
    yield hardware.disk(folder)
    yield hardware.clock(host)
    yield hardware.heat(host)
    yield hardware.power(host)
    yield service.service(host)
    yield service.broker(settings)


def table(found: Sequence[Finding]) -> Table:
    """Return the findings for people, one row each."""
    made = Table("check", "state", "found", "fix")
    for finding in found:
        state = Text(finding.state.value, _STYLES[finding.state])
        made.add_row(finding.name, state, Text(finding.text), Text(finding.fix))
    return made


def to_json(found: Sequence[Finding]) -> str:
    """Return the findings for programs: a list of objects with check, state, found and fix."""
    rows = [{"check": f.name, "state": f.state.value, "found": f.text, "fix": f.fix} for f in found]
    return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"
