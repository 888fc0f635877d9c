"""The parts of the dialogue: each asks, tries what was answered, and returns the settings that follow."""

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
_RATHER = (
    ("auto", "whichever camera is plugged in, else the built-in demo"),
    ("camera", "whichever camera is plugged in; none: wait for one"),
    ("demo", "no camera: the built-in demo"),
    (_OTHER, "a stream (rtsp://…), a video, a folder"),
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
    """What every part of the dialogue needs; `settings` are those of before with the answers so far."""

    talk: Prompts
    world: Host
    settings: Settings
    camera_password: str | None = None


def with_answers(settings: Settings, answers: Answers) -> Settings:
    """Return settings with some answered, unchecked."""
    changed = settings
    for key, value in answers.items():
        section, _, name = key.partition(".")
        part = getattr(changed, section).model_copy(update={name: value})
        changed = changed.model_copy(update={section: part})
    return changed


def _ask(setup: Setup, key: str, question: str) -> str:
    """Ask for a text setting, and again while it is refused as it would be in a file; as it comes, it stays."""
    section, _, name = key.partition(".")
    before = str(getattr(getattr(setup.settings, section), name))
    return setup.talk.ask(question, before, partial(_refusal, setup.settings, key))


def _refusal(settings: Settings, key: str, text: str) -> str:
    """Return why a text cannot be the value of a setting; empty where it can."""
    try:
        lay_over(settings, {key: text}, "")
    except ConfigError as error:
        return str(error).removeprefix(f": {key}: ")
    return ""


def device(setup: Setup) -> Answers:
    """Ask who this device is."""
    setup.talk.part("This device")
    name = _ask(setup, "device.name", "Name, in every topic (empty: the host's name)")
    site = _ask(setup, "device.site", "Place, for the operator (such as the stop's name)")
    return {"device.name": name, "device.site": site}


def camera(setup: Setup, detector: Detector) -> tuple[Answers, str]:
    """Ask for the camera, look through it, and ask again until the user is content.

    Returns the answers, and the password that was typed: the caller puts it into a file once all is decided.
    """
    setup.talk.part("Camera")
    now = setup
    while True:
        answers, password = _login(now, _source(now, now.settings.camera.source))
        now = replace(now, settings=with_answers(now.settings, answers), camera_password=password or None)
        now, fine = _try_upright(now, detector)
        setup.talk.forget_typed()
        if not setup.talk.yes("Look again, or choose another camera?", default=not fine):
            return answers | {"camera.rotate": now.settings.camera.rotate}, password


def _try_upright(setup: Setup, detector: Detector) -> tuple[Setup, bool]:
    """Look through a camera, again where it hangs turned; return the settings that follow, and whether all is fine."""
    seen = _try_camera(setup, detector)
    if seen and seen.turned_deg and setup.talk.yes(f"Turn the image by {seen.turned_deg}°?", default=True):
        turned: Answers = {"camera.rotate": upright_by(setup.settings.camera, seen.turned_deg)}
        setup = replace(setup, settings=with_answers(setup.settings, turned))
        seen = _try_camera(setup, detector)
    return setup, seen is not None and not seen.advice


def _login(setup: Setup, source: str) -> tuple[Answers, str]:
    """Ask as whom a network camera is opened; user and password that stand in its address are taken out of it."""
    if not login.is_stream(source):
        return {"camera.source": source}, ""
    address, user, password = login.without_login(source)
    user = setup.talk.ask("The camera's user (empty: none)", user or setup.settings.camera.user, _user)
    answers: Answers = {"camera.source": address, "camera.user": user}
    if not user:
        return answers | {"camera.password_file": ""}, ""
    typed = setup.talk.secret("The camera's password (not shown; empty: as it was)")
    return answers, typed or password or setup.camera_password or ""


def _user(text: str) -> str:
    return "without a colon and with 64 letters at most, please" if ":" in text or len(text) > 64 else ""


def _source(setup: Setup, before: str) -> str:
    """Return the chosen SPEC; what is connected comes first."""
    lasting = camera_checks.persistent_names(setup.world)
    cameras = camera_checks.devices(setup.world).items()
    found = [(f"usb:{lasting.get(path, path)}", f"{name} at {lasting.get(path, path)}") for path, name in cameras]
    found += [("picamera", f"{model} on the ribbon cable") for model in camera_checks.pi_cameras(setup.world)[:1]]
    choices = [*found, *_RATHER]
    if before not in dict(choices):
        choices.insert(0, (before, f"as it was: {redacted(before)}"))
    default = found[0][0] if found and before in ("auto", "camera") else before
    source = setup.talk.choose("Which camera?", choices, default)
    if source != _OTHER:
        return source
    return setup.talk.ask("Which?", "", lambda text: "" if text else "an address or a path, please")


def _try_camera(setup: Setup, detector: Detector) -> CameraCheck | None:
    """Look through a camera and print what is seen; nothing is kept. Return that, None where there is no image."""
    setup.talk.say("Looking through it; somebody should stand where people will. No picture is kept.", "dim")
    try:
        paint = PrivacyZones(setup.settings.privacy.no_look)
        seen = check_camera(setup.settings.camera, detector, paint, password=setup.camera_password)
    except (CameraError, ConfigError, InputError) as error:
        setup.talk.say(str(error), "yellow")
        return None
    setup.talk.say(str(seen))
    for line in seen.advice:
        setup.talk.say(line, "yellow")
    if not seen.advice:
        setup.talk.say("The picture is fine.", "green")
    return seen


def broker(setup: Setup) -> tuple[Answers, str]:
    """Ask for the broker, try it, and ask again until it answers or the user goes on.

    Returns the answers, and the password that was typed: the caller puts it into a file once all is decided.
    """
    setup.talk.part("Broker")
    answers, password = _of_broker(setup, {}), ""
    while answers["mqtt.host"] != EMBEDDED:
        if answers["mqtt.user"]:
            password = setup.talk.secret("Password (not shown; empty: as it was)") or password
        if _takes_us(setup, answers, password) or not setup.talk.yes("Change the answers?", default=True):
            break
        answers = _of_broker(setup, answers)
    return answers, password if answers.get("mqtt.user") else ""


def _of_broker(setup: Setup, before: Answers) -> Answers:
    """Ask where the broker is and as whom; what was answered before is the default."""
    mqtt = {f"mqtt.{key}": value for key, value in setup.settings.mqtt.model_dump().items()} | before
    talk, question = setup.talk, f"Host ({EMBEDDED}: a small broker of our own, on this machine only)"
    host = talk.ask(question, redacted(mqtt["mqtt.host"]), _no_address)
    answers: Answers = {"mqtt.host": host}
    if answers["mqtt.host"] == EMBEDDED:
        return answers
    answers["mqtt.port"] = int(talk.number("Port (0: 1883, with TLS 8883)", float(mqtt["mqtt.port"]), 0, 65_535))
    choices = [("auto", "yes, unless the broker is this machine"), ("on", "yes"), ("off", "no: plain text")]
    answers["mqtt.tls"] = talk.choose("Encrypted?", choices, mqtt["mqtt.tls"])
    answers["mqtt.user"] = talk.ask(
        "User (empty: none)", mqtt["mqtt.user"], partial(_refusal, setup.settings, "mqtt.user")
    )
    return answers


def _no_address(text: str) -> str:
    """Return what is wrong with the address of a broker."""
    if not text:
        return "a name, please"
    try:
        address_of(text)
    except ValueError as error:
        return str(error)
    return ""


def _takes_us(setup: Setup, answers: Answers, password: str) -> bool:
    """Try to connect and to publish a test alert, and print how that went."""
    settings = with_answers(setup.settings, answers)
    try:
        target = broker_of(settings.mqtt, "maskwatch-setup")
    except ConfigError as error:
        setup.talk.say(str(error), "yellow")
        return False
    where, trial = f"{target.host}:{target.port}", check_broker(_with_password(target, password), settings)
    setup.talk.forget_typed()
    if not trial.good:
        setup.talk.say(f"{where}: {trial.state}; fix: {fix_for(trial.state) or 'see the broker'}", "yellow")
        return False
    setup.talk.say(f"{where} takes us.", "green")
    for remark in trial.remarks:
        setup.talk.say(f"{remark}.", "yellow")
    return True


def _with_password(target: Broker, password: str) -> Broker:
    return replace(target, password=password or target.password)


def notice(setup: Setup) -> Answers:
    """Show and ring the notice that people will get, and ask for what else may tell them."""
    setup.talk.part("Notice to the people nearby")
    rules = setup.settings.notice
    words = worded(rules.languages, rules.phrase, PLEASE)[0].text
    setup.talk.console.print(Panel(Text(words, "bold"), style="white on red"))
    setup.talk.console.bell()
    answers: Answers = {"notice.banner": setup.talk.yes("Show this on the screen, with the bell?", default=True)}
    if programs.path_of("espeak-ng"):
        answers["notice.voice"] = "espeak" if _voice(setup, words) else "off"
    answers["notice.lamp_pin"] = _ask(setup, "notice.lamp_pin", 'Pin of a lamp, such as "GPIO17" (empty: none)')
    return answers


def _voice(setup: Setup, words: str) -> bool:
    """Say the words aloud, where a loudspeaker is wanted."""
    if not setup.talk.yes("Is there a loudspeaker that shall say it?", default=False):
        return False
    said = setup.world.run(["espeak-ng", words])
    if said.code != 0:
        setup.talk.say(f"It cannot be said: {said.last_line}", "yellow")
    return setup.talk.yes("Keep the voice on?", default=said.code == 0)


def distance(setup: Setup) -> Answers:
    """Ask for the lens or measure it, and ask who is near."""
    setup.talk.part("Distance")
    answers = _measured(setup) or _lens(setup)
    question = "Who is nearer than this is counted as near, metres"
    return answers | {"distance.near_m": setup.talk.number(question, setup.settings.distance.near_m, 0, 100)}


def _measured(setup: Setup) -> Answers:
    """Measure the lens if somebody can stand before the camera; empty where it was not measured."""
    if not setup.talk.yes("Measure the lens? One person stands two metres away and looks into it.", default=False):
        return {}
    setup.talk.say("Begins in 5 seconds, takes 8.", "dim")
    try:
        found = calibration.measure(setup.settings, at_m=2.0, wait_s=5.0, look_s=8.0, password=setup.camera_password)
    except (CameraError, ConfigError, OutputError, NotRunning, Unavailable) as error:
        setup.talk.say(str(error), "yellow")
        return {}
    setup.talk.say("{:.0f}°, with 95 % between {:.0f}° and {:.0f}°.".format(*found.fov_deg), "green")
    return {"distance.focal_widths": round(found.focal_widths, 4), "distance.focal_error": round(found.focal_error, 4)}


def _lens(setup: Setup) -> Answers:
    now = setup.settings.distance
    if now.focal_widths:
        setup.talk.say(f"It was measured: {fov_of(now.focal_widths):.0f}°.")
        return {}
    choices, before = [*_LENSES, (_OTHER, "another")], f"{now.fov_deg:g}"
    if before not in dict(choices):
        choices.insert(0, (before, f"{before}° as it was"))
    chosen = setup.talk.choose("Which horizontal angle of view has it?", choices, before)
    fov_deg = setup.talk.number("Degrees", now.fov_deg, 10, 160) if chosen == _OTHER else float(chosen)
    return {"distance.fov_deg": _upright_fov(setup.settings.camera, fov_deg) if chosen in dict(_LENSES) else fov_deg}


def _upright_fov(settings: CameraSettings, fov_deg: float) -> float:
    """Return the angle of view across an image that may stand on its side, of a lens's horizontal one."""
    if settings.rotate not in (90, 270):
        return fov_deg
    return round(fov_of(focal_of(fov_deg) * settings.width_px / settings.height_px), 1)
