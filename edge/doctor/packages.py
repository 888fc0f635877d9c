"""Checks of what is installed: Python, libraries, programs; they run even if all of these are missing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from edge import paths
from edge.doctor import Finding, FindingState

if TYPE_CHECKING:
    from edge.doctor.host import CommandResult, Host
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
"""Debian's packages of the libraries that OpenCV and its windows link to, by `ldd`; in trixie, libglib2.0-0 is an alias
of libglib2.0-0t64."""
_OPEN_A_WINDOW = """
import os
os.environ["QT_DEBUG_PLUGINS"] = "1"  # else Qt does not name the missing library
import cv2
cv2.namedWindow("maskwatch doctor")
cv2.waitKey(50)
cv2.destroyAllWindows()
"""
_ABI = ("numpy.dtype size changed", "compiled using NumPy 1", "numpy.core.multiarray failed")
"""Errors of a library that was compiled for another numpy than the installed one."""
_OPENCV = "pip install 'opencv-python>=4.10,<4.13'"
_NUMPY_1 = "pip install 'numpy<2' 'opencv-python<4.12' in maskwatch's environment"
_PLAYERS = ("pw-play", "paplay", "aplay")


def python(host: Host) -> Finding:
    """Check that Python is new enough."""
    number = ".".join(map(str, host.version))
    if host.version < (3, 11):
        fix = "install Python 3.11 or later (Raspberry Pi OS Bookworm or later has it)"
        return Finding("python", FindingState.MISSING, f"this is {number}", fix)
    return Finding("python", FindingState.OK, number)


def venv(host: Host) -> Finding:
    """Check that virtual environments can be created; only a warning inside one."""
    if host.run_python("import ensurepip, venv").code == 0:
        return Finding("venv", FindingState.OK, "virtual environments can be created")
    state = FindingState.WARNING if host.in_virtual_environment else FindingState.MISSING
    return Finding("venv", state, "Python cannot create virtual environments", "sudo apt install python3-venv")


def opencv(host: Host) -> Finding:
    """Check that OpenCV can be imported, since it needs system libraries, and decodes interlaced video."""
    answer = host.run_python("import cv2; print(cv2.__version__)")
    if answer.code == 0:
        fault = host.run_python("from edge.capture.decoder import fault; print(fault())").out.strip()
        if fault:
            return Finding("opencv", FindingState.WARNING, fault, _OPENCV)
        return Finding("opencv", FindingState.OK, answer.out.strip())
    error = answer.last_line
    for library, package in _SYSTEM_LIBRARIES.items():
        if library in error:
            return Finding("opencv", FindingState.MISSING, error, f"sudo apt install {package}")
    fix = _NUMPY_1 if _wrong_numpy(answer) else f"{host.python} -m {_OPENCV}"
    return Finding("opencv", FindingState.MISSING, error, fix)


def _wrong_numpy(answer: CommandResult) -> bool:
    return any(words in answer.error for words in _ABI)


def tflite(host: Host) -> Finding:
    """Check that one of the two runtimes opens a model: with a wrong numpy, the import works and opening fails."""
    error = ""
    model = str(paths.models() / "mask" / "model.tflite")
    for module in ("ai_edge_litert", "tflite_runtime"):
        answer = host.run_python(f"from {module}.interpreter import Interpreter; Interpreter({model!r})")
        if answer.code == 0:
            return Finding("tflite", FindingState.OK, module)
        if _wrong_numpy(answer):
            return Finding("tflite", FindingState.MISSING, f"{module} does not work with the installed numpy", _NUMPY_1)
        error = error or answer.last_line
    fix = f"{host.python} -m pip install ai-edge-litert (32-bit ARM: tflite-runtime)"
    return Finding("tflite", FindingState.MISSING, error, fix)


def picamera2(host: Host) -> Finding:
    """Check on a Raspberry Pi that Picamera2 can be imported."""
    if not host.is_pi:
        return Finding("picamera2", FindingState.OK, "not needed: this is not a Raspberry Pi")
    answer = host.run_python("import picamera2")
    if answer.code == 0:
        return Finding("picamera2", FindingState.OK, "installed")
    if _wrong_numpy(answer):
        return Finding("picamera2", FindingState.MISSING, "it does not work with the installed numpy", _NUMPY_1)
    if host.path("/usr/lib/python3/dist-packages/picamera2").is_dir() and "No module" in answer.last_line:
        fix = "create the environment again with: python3 -m venv --system-site-packages"
        text = "the virtual environment does not see the system's packages"
        return Finding("picamera2", FindingState.MISSING, text, fix)
    return Finding("picamera2", FindingState.MISSING, answer.last_line, "sudo apt install python3-picamera2")


def display(host: Host, settings: Settings) -> Finding:
    """Check that a window can be opened if one is wanted, by opening one briefly."""
    name = host.environ.get("DISPLAY") or host.environ.get("WAYLAND_DISPLAY")
    if name and settings.show.window != "off":
        return _window(host, name)
    if settings.show.window == "on":
        fix = "set show.window to auto, or start maskwatch on the desktop"
        return Finding("display", FindingState.MISSING, "show.window is on, but there is no display", fix)
    return Finding("display", FindingState.OK, "none: status in the terminal, video by maskwatch view")


def _window(host: Host, name: str) -> Finding:
    """Open a window in a process of its own: if Qt fails to open one, it aborts the process."""
    answer = host.run_python(_OPEN_A_WINDOW)
    if answer.code == 0:
        return Finding("display", FindingState.OK, f"{name}: a window opens")
    library = _MISSING_LIBRARY.search(answer.error)
    if library:
        text = f"{name}: no window opens: {library[1]} is missing"
        return Finding("display", FindingState.MISSING, text, f"sudo apt install {_package_of(library[1])}")
    if "could not connect to display" in answer.error:
        fix = "start maskwatch as the desktop's user, without sudo; if there is only Wayland: sudo apt install xwayland"
        return Finding("display", FindingState.MISSING, f"{name}: the display refuses the connection", fix)
    return Finding("display", FindingState.MISSING, f"{name}: no window opens: {answer.last_line}")


_MISSING_LIBRARY = re.compile(r"(lib[\w.+-]+\.so[.\d]*): cannot open shared object file")
"""How the loader names a missing library. Source: ld.so(8), dl_open errors."""


def _package_of(library: str) -> str:
    """Return Debian's package of a library; a description if OpenCV does not link to it."""
    packages = (package for name, package in _SYSTEM_LIBRARIES.items() if library.startswith(name))
    return next(packages, f"the package of {library}")


def mosquitto(host: Host) -> Finding:
    """Check for mosquitto's command-line tools, which are optional."""
    if host.run(["mosquitto_sub", "--help"]).exists:
        return Finding("mosquitto", FindingState.OK, "mosquitto_sub is installed")
    text = "mosquitto_sub is not installed; optional: maskwatch watch also prints alerts"
    return Finding("mosquitto", FindingState.WARNING, text, "sudo apt install mosquitto-clients")


def voice(host: Host, settings: Settings) -> Finding:
    """Check that the programs that speak are installed if the voice is on."""
    wanted = str(settings.notice.model_dump().get("voice", "off"))
    if wanted in ("off", ""):
        return Finding("voice", FindingState.OK, "off")
    if wanted == "espeak" and not host.run(["espeak-ng", "--version"]).exists:
        return Finding("voice", FindingState.MISSING, "espeak-ng is not installed", "sudo apt install espeak-ng")
    if not any(host.run([player, "--version"]).exists for player in _PLAYERS):
        return Finding("voice", FindingState.MISSING, "no program plays sound", "sudo apt install alsa-utils")
    return Finding("voice", FindingState.OK, wanted)
