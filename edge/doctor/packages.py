"""Checks of what is installed: Python, libraries, programs. They work where none of it does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from edge import paths
from edge.doctor.host import Finding, State

if TYPE_CHECKING:
    from edge.doctor.host import Answer, Host
    from edge.settings.schema import Settings

_SYSTEM_LIBRARIES = {
    "libGL": "libgl1",
    "libgthread": "libglib2.0-0",
    "libglib": "libglib2.0-0",
    "libSM": "libsm6",
    "libICE": "libice6",
    "libX11": "libx11-6",
    "libXext": "libxext6",
    "libxcb": "libxcb1",
}
"""Debian's packages of what OpenCV and its windows are linked to, by `ldd`; trixie knows libglib2.0-0 as another name
of libglib2.0-0t64."""
_OPEN_A_WINDOW = """
import os
os.environ["QT_DEBUG_PLUGINS"] = "1"  # or Qt does not name the library that it lacks
import cv2
cv2.namedWindow("maskwatch doctor")
cv2.waitKey(50)
cv2.destroyAllWindows()
"""
_ABI = ("numpy.dtype size changed", "compiled using NumPy 1", "numpy.core.multiarray failed")
"""What a library says that was compiled for another numpy than the one that is there."""
_OPENCV = "pip install 'opencv-python>=4.10,<4.13'"
_PLAYERS = ("pw-play", "paplay", "aplay")


def python(world: Host) -> Finding:
    """Check that Python is new enough."""
    number = ".".join(map(str, world.version))
    if world.version < (3, 11):
        return Finding("python", State.MISSING, f"this is {number}", "Raspberry Pi OS Bookworm or later brings 3.11")
    return Finding("python", State.OK, number)


def venv(world: Host) -> Finding:
    """Check that virtual environments can be made; without need where we live in one."""
    if world.python_says("import ensurepip, venv").code == 0:
        return Finding("venv", State.OK, "can be made")
    state = State.ODD if world.own_environment else State.MISSING
    return Finding("venv", state, "Python cannot make virtual environments", "sudo apt install python3-venv")


def opencv(world: Host) -> Finding:
    """Check that OpenCV can be imported, since it needs libraries of the system, and decodes interlaced video."""
    answer = world.python_says("import cv2; print(cv2.__version__)")
    if answer.code == 0:
        fault = world.python_says("from edge.capture.decoder import fault; print(fault())").out.strip()
        return (
            Finding("opencv", State.ODD, fault, _OPENCV) if fault else Finding("opencv", State.OK, answer.out.strip())
        )
    said = answer.last_line
    for library, package in _SYSTEM_LIBRARIES.items():
        if library in said:
            return Finding("opencv", State.MISSING, said, f"sudo apt install {package}")
    mend = _NUMPY_1 if _wrong_numpy(answer) else f"{world.python} -m {_OPENCV}"
    return Finding("opencv", State.MISSING, said, mend)


_NUMPY_1 = "pip install 'numpy<2' 'opencv-python<4.12' in maskwatch's environment"


def _wrong_numpy(answer: Answer) -> bool:
    return any(words in answer.error for words in _ABI)


def tflite(world: Host) -> Finding:
    """Check that one of the two runtimes opens a model: with a wrong numpy it is imported, and fails only then."""
    said, model = "", str(paths.models() / "mask" / "model.tflite")
    for module in ("ai_edge_litert", "tflite_runtime"):
        answer = world.python_says(f"from {module}.interpreter import Interpreter; Interpreter({model!r})")
        if answer.code == 0:
            return Finding("tflite", State.OK, module)
        if _wrong_numpy(answer):
            return Finding("tflite", State.MISSING, f"{module} does not go with this numpy", _NUMPY_1)
        said = said or answer.last_line
    mend = f"{world.python} -m pip install ai-edge-litert (32-bit ARM: tflite-runtime)"
    return Finding("tflite", State.MISSING, said, mend)


def picamera2(world: Host) -> Finding:
    """Check, on a Raspberry Pi, that the camera's library can be imported."""
    if not world.is_pi:
        return Finding("picamera2", State.OK, "not needed: no Raspberry Pi")
    answer = world.python_says("import picamera2")
    if answer.code == 0:
        return Finding("picamera2", State.OK, "can be imported")
    if _wrong_numpy(answer):
        return Finding("picamera2", State.MISSING, "it does not go with this numpy", _NUMPY_1)
    if world.path("/usr/lib/python3/dist-packages/picamera2").is_dir() and "No module" in answer.last_line:
        mend = "make the environment anew with: python3 -m venv --system-site-packages"
        return Finding("picamera2", State.MISSING, "the virtual environment does not see the system's packages", mend)
    return Finding("picamera2", State.MISSING, answer.last_line, "sudo apt install python3-picamera2")


def display(world: Host, settings: Settings) -> Finding:
    """Check that a window can be opened where one is wanted, by opening one for an instant."""
    name = world.environ.get("DISPLAY") or world.environ.get("WAYLAND_DISPLAY")
    if name and settings.show.window != "off":
        return _window(world, name)
    if settings.show.window == "on":
        mend = "set show.window to auto, or start it on the desktop"
        return Finding("display", State.MISSING, "show.window is on, and there is no display", mend)
    return Finding("display", State.OK, "none: the state is shown in the terminal, the picture by maskwatch view")


def _window(world: Host, name: str) -> Finding:
    """Open a window in a process of its own: Qt aborts a process in which it cannot."""
    answer = world.python_says(_OPEN_A_WINDOW)
    if answer.code == 0:
        return Finding("display", State.OK, f"{name}: a window opens")
    lacking = _LIBRARY.search(answer.error)
    if lacking:
        text = f"{name}: no window opens: {lacking[1]} is missing"
        return Finding("display", State.MISSING, text, f"sudo apt install {_package_of(lacking[1])}")
    if "could not connect to display" in answer.error:
        mend = "start it on the desktop as its user, without sudo; with Wayland alone: sudo apt install xwayland"
        return Finding("display", State.MISSING, f"{name}: it takes no connection", mend)
    return Finding("display", State.MISSING, f"{name}: no window opens: {answer.last_line}")


_LIBRARY = re.compile(r"(lib[\w.+-]+\.so[.\d]*): cannot open shared object file")
"""How the loader names what it lacks. Source: ld.so(8), dl_open errors."""


def _package_of(library: str) -> str:
    """Return Debian's package of a library; its own name where it is none of those that OpenCV is linked to."""
    packages = (package for name, package in _SYSTEM_LIBRARIES.items() if library.startswith(name))
    return next(packages, f"the package of {library}")


def mosquitto(world: Host) -> Finding:
    """Check for the tools to listen with; nothing needs them."""
    if world.run(["mosquitto_sub", "--help"]).there:
        return Finding("mosquitto", State.OK, "mosquitto_sub is there")
    text = "mosquitto_sub is not there; only needed to listen by hand (maskwatch watch does too)"
    return Finding("mosquitto", State.ODD, text, "sudo apt install mosquitto-clients")


def voice(world: Host, settings: Settings) -> Finding:
    """Check that what speaks is there where the voice is on."""
    wanted = str(settings.notice.model_dump().get("voice", "off"))
    if wanted in ("off", ""):
        return Finding("voice", State.OK, "off")
    if wanted == "espeak" and not world.run(["espeak-ng", "--version"]).there:
        return Finding("voice", State.MISSING, "espeak-ng is not there", "sudo apt install espeak-ng")
    if not any(world.run([player, "--version"]).there for player in _PLAYERS):
        return Finding("voice", State.MISSING, "no program plays sound", "sudo apt install alsa-utils")
    return Finding("voice", State.OK, wanted)
