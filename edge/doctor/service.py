"""Checks of the running service and of what it talks to: settings, systemd's word, the broker."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from edge.capture import login
from edge.doctor.broker import check_broker, fix_of
from edge.doctor.host import Finding, State
from edge.errors import ConfigError
from edge.publish.broker import EMBEDDED, PASSWORD, broker_of

if TYPE_CHECKING:
    from edge.doctor.host import Host
    from edge.settings.schema import Settings

PASSWORDS = Path("/etc/maskwatch")
"""Where the service's unit takes the passwords of broker and camera from."""
_MANY_RESTARTS = 3
_LOOK = "journalctl -u maskwatch -n 50"


def service(world: Host) -> Finding:
    """Check how systemd finds the service. Source: systemctl(1), show; org.freedesktop.systemd1(5)."""
    properties = ["LoadState", "ActiveState", "SubState", "Result", "NRestarts", "ExecMainStatus", "StatusText"]
    answer = world.run(["systemctl", "show", "maskwatch", *(f"-p{name}" for name in properties)])
    told = dict(line.split("=", 1) for line in answer.out.splitlines() if "=" in line)
    if answer.code != 0 or told.get("LoadState") != "loaded":
        return Finding("service", State.OK, "not installed; sudo make install does")
    if told["ActiveState"] == "failed":
        text = f"failed: {told['Result']}, exit code {told['ExecMainStatus']}"
        return Finding("service", State.MISSING, text, f"{_LOOK}; mend what it names; sudo systemctl start maskwatch")
    if told["ActiveState"] in ("inactive", "deactivating"):
        return Finding("service", State.ODD, "it does not run", "sudo systemctl start maskwatch")
    if told["SubState"] == "auto-restart" or int(told["NRestarts"] or 0) > _MANY_RESTARTS:
        return Finding("service", State.ODD, f"it was started again {told['NRestarts']} times", _LOOK)
    return Finding("service", State.OK, told["StatusText"] or told["SubState"])


def lend_passwords(world: Host) -> None:
    """Take the passwords as systemd hands them to the service, where this user may read one."""
    readable = any(os.access(PASSWORDS / name, os.R_OK) for name in (PASSWORD, login.PASSWORD))
    if not world.environ.get("CREDENTIALS_DIRECTORY") and readable:
        os.environ["CREDENTIALS_DIRECTORY"] = str(PASSWORDS)


def broker(settings: Settings) -> Finding:
    """Check that the broker takes us and a test alert, as a client of another name than the service's."""
    if settings.mqtt.host == EMBEDDED:
        return Finding("broker", State.OK, "a small one of our own, while maskwatch runs")
    try:
        target = broker_of(settings.mqtt, "maskwatch-doctor")
    except ConfigError as error:
        return Finding("broker", State.MISSING, str(error), "maskwatch setup, or edit the settings file")
    where, trial = f"{target.host}:{target.port}", check_broker(target, settings)
    if not trial.good:
        return Finding("broker", State.ODD, f"{where}: {trial.state}", fix_of(trial.state))
    if trial.remarks:
        return Finding(
            "broker", State.ODD, f"{where}: {'; '.join(trial.remarks)}", "change that in the broker's settings"
        )
    return Finding(
        "broker", State.OK, f"{where} takes us and a test alert{'' if trial.heard else ', which nobody hears'}"
    )
