"""Checks of the running service and of its broker."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from edge.capture import login
from edge.doctor import Finding, FindingState
from edge.doctor.broker import check_broker, fix_for
from edge.errors import ConfigError
from edge.paths import SERVICE_PASSWORDS
from edge.publish.broker import EMBEDDED, PASSWORD, broker_of

if TYPE_CHECKING:
    from edge.doctor.host import Host
    from edge.settings.schema import Settings

_MANY_RESTARTS = 3
_READ_LOG = "journalctl -u maskwatch -n 50"


def service(host: Host) -> Finding:
    """Check what systemd reports about the service. Source: systemctl(1), show; org.freedesktop.systemd1(5)."""
    properties = ["LoadState", "ActiveState", "SubState", "Result", "NRestarts", "ExecMainStatus", "StatusText"]
    answer = host.run(["systemctl", "show", "maskwatch", *(f"-p{name}" for name in properties)])
    unit = dict(line.split("=", 1) for line in answer.out.splitlines() if "=" in line)
    if answer.code != 0 or unit.get("LoadState") != "loaded":
        return Finding("service", FindingState.OK, "not installed; to install it: sudo make install")
    if unit["ActiveState"] == "failed":
        text = f"failed: {unit['Result']}, exit code {unit['ExecMainStatus']}"
        fix = f"{_READ_LOG}; fix the error shown there; sudo systemctl start maskwatch"
        return Finding("service", FindingState.MISSING, text, fix)
    if unit["ActiveState"] in ("inactive", "deactivating"):
        return Finding("service", FindingState.WARNING, "not running", "sudo systemctl start maskwatch")
    if unit["SubState"] == "auto-restart" or int(unit["NRestarts"] or 0) > _MANY_RESTARTS:
        return Finding("service", FindingState.WARNING, f"restarted {unit['NRestarts']} times", _READ_LOG)
    return Finding("service", FindingState.OK, unit["StatusText"] or unit["SubState"])


def use_service_passwords(host: Host) -> None:
    """Read passwords from where systemd passes them to the service, if this user may read one of the files."""
    readable = any(os.access(SERVICE_PASSWORDS / name, os.R_OK) for name in (PASSWORD, login.PASSWORD))
    if not host.environ.get("CREDENTIALS_DIRECTORY") and readable:
        os.environ["CREDENTIALS_DIRECTORY"] = str(SERVICE_PASSWORDS)


def broker(settings: Settings) -> Finding:
    """Check that the broker accepts the connection and a test alert, under another client id than the service's."""
    if settings.mqtt.host == EMBEDDED:
        return Finding("broker", FindingState.OK, "embedded: it runs while maskwatch runs")
    try:
        target = broker_of(settings.mqtt, "maskwatch-doctor")
    except ConfigError as error:
        return Finding("broker", FindingState.MISSING, str(error), "maskwatch setup, or edit the settings file")
    where = f"{target.host}:{target.port}"
    trial = check_broker(target, settings)
    if not trial.good:
        return Finding("broker", FindingState.WARNING, f"{where}: {trial.state}", fix_for(trial.state))
    if trial.remarks:
        text = f"{where}: {'; '.join(trial.remarks)}"
        return Finding("broker", FindingState.WARNING, text, "change this in the broker's configuration")
    nobody = "" if trial.has_subscribers else "; nobody subscribes to alerts yet"
    return Finding("broker", FindingState.OK, f"{where} accepts the connection and a test alert{nobody}")
