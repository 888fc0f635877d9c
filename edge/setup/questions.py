"""The steps of the wizard: each asks, tests the answers, and returns the settings that follow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from rich.panel import Panel
from rich.text import Text

from edge import programs
from edge.capture import login
from edge.distance.ranging import focal_of, fov_of
from edge.doctor import camera as camera_checks
from edge.doctor.broker import check_broker, fix_for
from edge.errors import CameraError, ConfigError, InputError, NotRunning, OutputError, Unavailable
from edge.notice.phrases import PLEASE, worded
from edge.privacy.zones import PrivacyZones
from edge.publish.address import address_of
from edge.publish.broker import EMBEDDED, broker_of
from edge.redaction import redacted
from edge.settings.load import lay_over
from edge.setup import calibration
from edge.setup.camera_check import check_camera, upright_by

if TYPE_CHECKING:
    from edge.detect import Detector
    from edge.doctor.host import Host
    from edge.publish.broker import Broker
    from edge.settings.edit import Value
    from edge.settings.schema import CameraSettings, Settings
    from edge.setup.camera_check import CameraCheck
    from edge.setup.prompt import Prompts

Answers = dict[str, "Value"]
_OTHER = "other"
_OTHER_SOURCES = (
    ("auto", "any connected camera, else the built-in demo"),
    ("camera", "any connected camera; wait until there is one"),
    ("demo", "no camera: the built-in demo"),
    (_OTHER, "a stream (rtsp://…), a video or a folder"),
)
_LENSES = (
    ("66", "66° Raspberry Pi Camera Module 3, whole sensor (from 1920 x 1080 pixels on); many USB cameras"),
    ("47", "47° Raspberry Pi Camera Module 3 at 1280 x 720: the middle of the sensor"),
    ("102", "102° Raspberry Pi Camera Module 3 Wide, whole sensor"),
)
"""Source: Raspberry Pi, Camera Module 3 product brief: 66° and 102° across 4608 pixels; its mode of 1536 x 864, which
libcamera picks for 1280 x 720 (scoreFormat in its Raspberry Pi pipeline), uses the middle 3072 of them."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What every step needs; `settings` are the previous ones with the answers so far."""

    prompts: Prompts
    host: Host
    settings: Settings
    camera_password: str | None = None


def with_answers(settings: Settings, answers: Answers) -> Settings:
    """Return settings with some answers, unchecked."""
    changed = settings
    for key, value in answers.items():
        section, _, name = key.partition(".")
        part = getattr(changed, section).model_copy(update={name: value})
        changed = changed.model_copy(update={section: part})
    return changed


def _ask(setup: Setup, key: str, question: str) -> str:
    """Ask for a text setting, and again while its value is refused."""
    section, _, name = key.partition(".")
    before = str(getattr(getattr(setup.settings, section), name))
    return setup.prompts.ask(question, before, partial(_refusal, setup.settings, key))


def _refusal(settings: Settings, key: str, text: str) -> str:
    """Return why a text cannot be the value of a setting; empty if it can."""
    try:
        lay_over(settings, {key: text}, "")
    except ConfigError as error:
        return str(error).removeprefix(f": {key}: ")
    return ""


def device(setup: Setup) -> Answers:
    """Ask for the name and the site of this device."""
    setup.prompts.step("This device")
    name = _ask(setup, "device.name", "Device name, used in every topic (empty: the host name)")
    site = _ask(setup, "device.site", "Site, for the operator (such as the name of the stop)")
    return {"device.name": name, "device.site": site}


def camera(setup: Setup, detector: Detector) -> tuple[Answers, str]:
    """Ask for the camera, check it, and ask again until the user accepts the result.

    Returns the answers, and the typed password, which the caller writes to a file at the end.
    """
    setup.prompts.step("Camera")
    now = setup
    while True:
        answers, password = _login(now, _source(now, now.settings.camera.source))
        now = replace(now, settings=with_answers(now.settings, answers), camera_password=password or None)
        now, fine = _try_upright(now, detector)
        setup.prompts.discard_typed_ahead()
        if not setup.prompts.confirm("Check again, or choose another camera?", default=not fine):
            return answers | {"camera.rotate": now.settings.camera.rotate}, password


def _try_upright(setup: Setup, detector: Detector) -> tuple[Setup, bool]:
    """Check a camera, twice if it is rotated; return the settings that follow, and whether the image is fine."""
    check = _try_camera(setup, detector)
    if check and check.turned_deg and setup.prompts.confirm(f"Turn the image by {check.turned_deg}°?", default=True):
        turned: Answers = {"camera.rotate": upright_by(setup.settings.camera, check.turned_deg)}
        setup = replace(setup, settings=with_answers(setup.settings, turned))
        check = _try_camera(setup, detector)
    return setup, check is not None and not check.advice


def _login(setup: Setup, source: str) -> tuple[Answers, str]:
    """Ask for the login of a network camera; a user and password in its address are moved out of it."""
    if not login.is_stream(source):
        return {"camera.source": source}, ""
    address, user, password = login.without_login(source)
    user = setup.prompts.ask("The camera's user (empty: none)", user or setup.settings.camera.user, _user)
    answers: Answers = {"camera.source": address, "camera.user": user}
    if not user:
        return answers | {"camera.password_file": ""}, ""
    typed = setup.prompts.secret("The camera's password (not shown; empty: unchanged)")
    return answers, typed or password or setup.camera_password or ""


def _user(text: str) -> str:
    return "enter at most 64 characters, without a colon" if ":" in text or len(text) > 64 else ""


def _source(setup: Setup, before: str) -> str:
    """Return the chosen SPEC; connected cameras come first."""
    persistent = camera_checks.persistent_names(setup.host)
    cameras = camera_checks.devices(setup.host).items()
    found = [(f"usb:{persistent.get(path, path)}", f"{name} at {persistent.get(path, path)}") for path, name in cameras]
    found += [("picamera", f"{model} on the ribbon cable") for model in camera_checks.pi_cameras(setup.host)[:1]]
    choices = [*found, *_OTHER_SOURCES]
    if before not in dict(choices):
        choices.insert(0, (before, f"unchanged: {redacted(before)}"))
    default = found[0][0] if found and before in ("auto", "camera") else before
    source = setup.prompts.choose("Which camera?", choices, default)
    if source != _OTHER:
        return source
    return setup.prompts.ask("Address or path", "", lambda text: "" if text else "enter an address or a path")


def _try_camera(setup: Setup, detector: Detector) -> CameraCheck | None:
    """Check a camera and print the result, None if there is no image; no image is stored."""
    setup.prompts.print("Checking the camera; a person should stand where people will be. No image is stored.", "dim")
    try:
        paint = PrivacyZones(setup.settings.privacy.no_look)
        check = check_camera(setup.settings.camera, detector, paint, password=setup.camera_password)
    except (CameraError, ConfigError, InputError) as error:
        setup.prompts.print(str(error), "yellow")
        return None
    setup.prompts.print(str(check))
    for line in check.advice:
        setup.prompts.print(line, "yellow")
    if not check.advice:
        setup.prompts.print("The image is fine.", "green")
    return check


def broker(setup: Setup) -> tuple[Answers, str]:
    """Ask for the broker, test it, and ask again until it accepts the connection or the user continues.

    Returns the answers, and the typed password, which the caller writes to a file at the end.
    """
    setup.prompts.step("Broker")
    answers = _ask_broker(setup, {})
    password = ""
    while answers["mqtt.host"] != EMBEDDED:
        if answers["mqtt.user"]:
            password = setup.prompts.secret("Password (not shown; empty: unchanged)") or password
        if _is_accepted(setup, answers, password) or not setup.prompts.confirm("Change the answers?", default=True):
            break
        answers = _ask_broker(setup, answers)
    return answers, password if answers.get("mqtt.user") else ""


def _ask_broker(setup: Setup, before: Answers) -> Answers:
    """Ask for the broker's address and login; earlier answers are the defaults."""
    mqtt = {f"mqtt.{key}": value for key, value in setup.settings.mqtt.model_dump().items()} | before
    prompts = setup.prompts
    question = f"Host ({EMBEDDED}: a small built-in broker, for this machine only)"
    host = prompts.ask(question, redacted(mqtt["mqtt.host"]), _address_error)
    answers: Answers = {"mqtt.host": host}
    if answers["mqtt.host"] == EMBEDDED:
        return answers
    answers["mqtt.port"] = int(prompts.number("Port (0: 1883, or 8883 with TLS)", float(mqtt["mqtt.port"]), 0, 65_535))
    choices = [("auto", "yes, unless the broker runs on this machine"), ("on", "yes"), ("off", "no")]
    answers["mqtt.tls"] = prompts.choose("Encrypt the connection (TLS)?", choices, mqtt["mqtt.tls"])
    answers["mqtt.user"] = prompts.ask(
        "User (empty: none)", mqtt["mqtt.user"], partial(_refusal, setup.settings, "mqtt.user")
    )
    return answers


def _address_error(text: str) -> str:
    """Return what is wrong with the address of a broker; empty if it is valid."""
    if not text:
        return "enter a name or an address"
    try:
        address_of(text)
    except ValueError as error:
        return str(error)
    return ""


def _is_accepted(setup: Setup, answers: Answers, password: str) -> bool:
    """Connect, publish a test alert, and print the result."""
    settings = with_answers(setup.settings, answers)
    try:
        target = broker_of(settings.mqtt, "maskwatch-setup")
    except ConfigError as error:
        setup.prompts.print(str(error), "yellow")
        return False
    where = f"{target.host}:{target.port}"
    trial = check_broker(_with_password(target, password), settings)
    setup.prompts.discard_typed_ahead()
    if not trial.good:
        setup.prompts.print(f"{where}: {trial.state}; fix: {fix_for(trial.state) or 'check the broker'}", "yellow")
        return False
    setup.prompts.print(f"{where} accepts the connection and a test alert.", "green")
    for remark in trial.remarks:
        setup.prompts.print(f"{remark}.", "yellow")
    return True


def _with_password(target: Broker, password: str) -> Broker:
    return replace(target, password=password or target.password)


def notice(setup: Setup) -> Answers:
    """Show the notice with the bell, and ask for the other outputs."""
    setup.prompts.step("Notice to people nearby")
    rules = setup.settings.notice
    words = worded(rules.languages, rules.phrase, PLEASE)[0].text
    setup.prompts.console.print(Panel(Text(words, "bold"), style="white on red"))
    setup.prompts.console.bell()
    answers: Answers = {"notice.banner": setup.prompts.confirm("Show this on the screen, with the bell?", default=True)}
    if programs.path_of("espeak-ng"):
        answers["notice.voice"] = "espeak" if _voice(setup, words) else "off"
    answers["notice.lamp_pin"] = _ask(setup, "notice.lamp_pin", 'Pin of a lamp, such as "GPIO17" (empty: none)')
    return answers


def _voice(setup: Setup, words: str) -> bool:
    """Speak the notice if there is a loudspeaker; return whether to turn the voice on."""
    if not setup.prompts.confirm("Is there a loudspeaker to speak it?", default=False):
        return False
    spoken = setup.host.run(["espeak-ng", words])
    if spoken.code != 0:
        setup.prompts.print(f"It cannot be spoken: {spoken.last_line}", "yellow")
    return setup.prompts.confirm("Turn the voice on?", default=spoken.code == 0)


def distance(setup: Setup) -> Answers:
    """Ask for the lens or measure it, and ask for the distance that counts as near."""
    setup.prompts.step("Distance")
    answers = _measured(setup) or _lens(setup)
    question = "People closer than this count as near, in metres"
    return answers | {"distance.near_m": setup.prompts.number(question, setup.settings.distance.near_m, 0, 100)}


def _measured(setup: Setup) -> Answers:
    """Measure the lens if a person can stand in front of the camera; empty if it was not measured."""
    question = "Measure the lens now? One person has to stand two metres away and look into it."
    if not setup.prompts.confirm(question, default=False):
        return {}
    setup.prompts.print("The measurement begins in 5 seconds and takes 8.", "dim")
    try:
        password = setup.camera_password
        found = calibration.measure(setup.settings, at_m=2.0, wait_s=5.0, duration_s=8.0, password=password)
    except (CameraError, ConfigError, OutputError, NotRunning, Unavailable) as error:
        setup.prompts.print(str(error), "yellow")
        return {}
    setup.prompts.print("Angle of view {:.0f}° (95 % interval: {:.0f}° to {:.0f}°).".format(*found.fov_deg), "green")
    return {"distance.focal_widths": round(found.focal_widths, 4), "distance.focal_error": round(found.focal_error, 4)}


def _lens(setup: Setup) -> Answers:
    now = setup.settings.distance
    if now.focal_widths:
        setup.prompts.print(f"The lens has been measured: {fov_of(now.focal_widths):.0f}°.")
        return {}
    choices = [*_LENSES, (_OTHER, "another angle")]
    before = f"{now.fov_deg:g}"
    if before not in dict(choices):
        choices.insert(0, (before, f"{before}° (unchanged)"))
    chosen = setup.prompts.choose("Which horizontal angle of view does it have?", choices, before)
    fov_deg = setup.prompts.number("Degrees", now.fov_deg, 10, 160) if chosen == _OTHER else float(chosen)
    return {"distance.fov_deg": _upright_fov(setup.settings.camera, fov_deg) if chosen in dict(_LENSES) else fov_deg}


def _upright_fov(settings: CameraSettings, fov_deg: float) -> float:
    """Return the angle of view across the upright image, which may be rotated, from a lens's horizontal one."""
    if settings.rotate not in (90, 270):
        return fov_deg
    return round(fov_of(focal_of(fov_deg) * settings.width_px / settings.height_px), 1)
