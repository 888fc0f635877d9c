"""The doctor: every check of the machine in order, as a table for people and as JSON for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from edge.device import eyes, machine, parts, service
from edge.device.world import Finding, State

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from edge.device.world import World
    from edge.settings import Settings

_STYLES = {State.OK: "green", State.ODD: "yellow", State.MISSING: "bold red"}


def findings(world: World, settings: Settings, folder: Path | None) -> Iterator[Finding]:
    """Yield what each check finds; `folder` is where alerts wait, None for memory."""
    yield parts.python(world)
    yield parts.venv(world)
    yield parts.opencv(world)
    yield parts.tflite(world)
    yield parts.picamera2(world)
    yield eyes.camera(world, settings)
    yield eyes.group(world)
    yield eyes.busy(world)
    yield parts.display(world, settings)
    yield parts.voice(world, settings)
    yield parts.mosquitto(world)
    yield machine.memory(world)
    yield machine.disk(folder)
    yield machine.clock(world)
    yield machine.heat(world)
    yield machine.power(world)
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
