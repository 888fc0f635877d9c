"""Commands that set up a device and find problems: setup, doctor, calibrate."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from edge.commands.options import Config, Env, Set, is_quiet, load_settings
from edge.commands.reporting import write_result
from edge.errors import EdgeError, Unavailable
from edge.settings.load import SYSTEM_FILE
from edge.settings.schema import Environment

if TYPE_CHECKING:
    from edge.distance.calibrate import Calibration
    from edge.doctor import Finding
    from edge.settings.schema import Settings

app = typer.Typer()


@app.command(epilog="Examples: `maskwatch doctor` · `sudo maskwatch doctor --env production --json found.json`")
def doctor(
    env: Env = Environment.DEVELOPMENT,
    config: Config = None,
    overrides: Set = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="write the findings as JSON; - prints them", metavar="FILE")
    ] = None,
) -> None:
    """Report what is missing or wrong on this machine, with the fix; exit code 1 if something is missing."""
    from edge.batch.outputs import whole_file
    from edge.doctor import FindingState, checks
    from edge.doctor.hardware import outbox_folder
    from edge.doctor.host import Host
    from edge.doctor.service import use_service_passwords

    host = Host()
    found, settings = _settings_or_defaults(env, config, overrides)
    use_service_passwords(host)
    _quiet()
    with whole_file(json_file) as out:
        with Console(stderr=True, quiet=is_quiet()).status("checking this machine ..."):
            found += checks.findings(host, settings, outbox_folder(host, settings.mqtt.outbox))
        write_result(out, checks.to_json(found), checks.table(found))
    if any(finding.state is FindingState.MISSING for finding in found):
        raise typer.Exit(1)


def _quiet() -> None:
    """Keep the log from repeating what the command prints."""
    import logging

    logging.getLogger("edge").setLevel(logging.ERROR)


def _settings_or_defaults(
    env: Environment, config: Path | None, overrides: list[str] | None
) -> tuple[list[Finding], Settings]:
    """Return a finding about the settings, and the settings; the defaults where they are wrong."""
    from edge.doctor import Finding, FindingState
    from edge.settings.load import load

    settings = load(env, system_file=None).settings
    try:
        settings = load_settings(env, config, overrides).settings
        _validate(settings, env)
    except EdgeError as error:
        fix = "change it; for all settings: maskwatch check"
        return [Finding("settings", FindingState.MISSING, str(error), fix)], settings
    return [Finding("settings", FindingState.OK, "read and checked")], settings


def _validate(settings: Settings, env: Environment) -> None:
    """Refuse what `run` would refuse; skipped where a library is missing, which is a separate finding."""
    try:
        from edge.app.validation import check
    except ImportError:
        return
    check(settings, env)


@app.command(epilog="Examples: `maskwatch setup` · `sudo maskwatch setup` · `maskwatch setup --config mine.toml`")
def setup(env: Env = Environment.DEVELOPMENT, config: Config = None, overrides: Set = None) -> None:
    """Ask for camera, broker, notices and distances, test each, and write the settings file. Ctrl-C changes nothing."""
    from edge.settings import edit

    file = config or edit.own_file()
    for_service = file == SYSTEM_FILE and env is Environment.DEVELOPMENT
    environment = Environment.PRODUCTION if for_service else env
    settings = load_settings(environment, file if file.exists() else None, overrides).settings
    _quiet()
    from edge.app.validation import check
    from edge.doctor.host import Host
    from edge.doctor.service import use_service_passwords
    from edge.setup.wizard import Target, offer_start, run_wizard
    from edge.stages import load_models

    console = Console()
    host = Host()
    target = Target(file, environment)
    if not console.is_terminal:
        raise Unavailable("setup asks questions and needs a terminal; fix: write the settings file by hand")
    use_service_passwords(host)
    detector = load_models(settings, profile="quality").detector
    try:
        written = run_wizard(console, host, target, settings, detector, partial(check, environment=environment))
    except (KeyboardInterrupt, EOFError):
        console.print("\nNothing was changed.")
        raise typer.Exit(130) from None
    if written:
        offer_start(console, host, target)


@app.command(epilog="Examples: `maskwatch calibrate` · `sudo maskwatch calibrate --env production --at 3`")
def calibrate(
    env: Env = Environment.DEVELOPMENT,
    config: Config = None,
    overrides: Set = None,
    at: Annotated[
        float, typer.Option(help="distance from the camera to the face", min=0.5, max=10.0, metavar="METRES")
    ] = 2.0,
    seconds: Annotated[
        float, typer.Option(help="duration of the measurement", min=1.0, max=120.0, metavar="SECONDS")
    ] = 8.0,
    wait: Annotated[
        float, typer.Option(help="time to walk to the place before it begins", min=0.0, max=120.0, metavar="SECONDS")
    ] = 5.0,
) -> None:
    """Measure the focal length: one person, alone, stands two metres away and faces the camera.

    The result is written to the settings file.
    """
    settings = load_settings(env, config, overrides).settings
    from edge.doctor.host import Host
    from edge.doctor.service import use_service_passwords
    from edge.settings import edit
    from edge.setup import calibration

    use_service_passwords(Host())
    console = Console()
    file = config or edit.own_file()
    settings = calibration.without_demo(settings)
    console.print(f"Stand {at:g} m in front of the camera, alone, without a mask, and face it.")
    found = calibration.measure(settings, at_m=at, wait_s=wait, duration_s=seconds)
    _print_calibration(console, settings, found)
    calibration.write(found, file, env, settings)
    console.print(f"Written to {file}: distance.focal_widths, distance.focal_error.", soft_wrap=True)
    if not edit.is_read(file):
        console.print(f"To use it: maskwatch run --config {file}", soft_wrap=True)


def _print_calibration(console: Console, settings: Settings, found: Calibration) -> None:
    middle, low, high = found.fov_deg
    console.print(f"{found.sightings} frames; the height of the face varies by {found.scatter:.1%}.")
    console.print(
        f"Focal length: {found.focal_widths:.3f} image widths, an angle of view of {middle:.0f}° "
        f"(95 % interval: {low:.0f}° to {high:.0f}°).",
        soft_wrap=True,
    )
    agrees = low <= settings.distance.fov_deg <= high
    verdict = "agrees" if agrees else "does not agree"
    console.print(f"distance.fov_deg = {settings.distance.fov_deg:g} {verdict} with it.")
