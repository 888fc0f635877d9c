"""Checks of the camera: whether one is there, whether we may use it, and whether somebody else does."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from edge.capture.login import password_of
from edge.doctor.host import Finding, State
from edge.errors import ConfigError
from edge.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from edge.doctor.host import Host
    from edge.settings.schema import Settings

_NO_CAMERAS = ("codec", "isp", "pisp", "rpivid", "hevc", "unicam", "cfe", "m2m", "stateless")
"""Parts of the names of video devices that are none: a Pi has a dozen. Source: their drivers' names in sysfs."""
_LIVE = ("auto", "camera", "picamera", "usb:")
_LISTS_PI = "from picamera2 import Picamera2 as P; print(*[c['Model'] for c in P.global_camera_info()])"


def camera(world: Host, settings: Settings) -> Finding:
    """Check that the camera of the settings is connected; offer the name that it keeps."""
    source = settings.camera.source
    try:
        password_of(settings.camera)
    except ConfigError as error:
        return Finding("camera", State.MISSING, str(error), "maskwatch setup, or edit the settings file")
    if not source.startswith(_LIVE):
        return Finding("camera", State.OK, "a stream, a file or the demo is named: not looked for")
    wanted = source.removeprefix("usb:") if source.startswith("usb:") else ""
    found = _wanted(world, wanted) or ([] if wanted else pi_cameras(world))
    if found:
        return Finding("camera", State.OK, ", ".join(found), _lasting_hint(world, wanted))
    mend = "plug one in (on a Pi: seat the ribbon cable, then rpicam-hello --list-cameras), or name a stream"
    if source == "auto":
        return Finding("camera", State.ODD, "none is connected: the demo is shown", mend)
    return Finding("camera", State.MISSING, f"camera.source is {redacted(source)}, and there is none", mend)


def _wanted(world: Host, wanted: str) -> list[str]:
    """Return "/dev/video0 (name)" of the camera that is wanted, by number or any path; of all without a wish."""
    path = _device(world, wanted)
    return [f"{device} ({name})" for device, name in devices(world).items() if not wanted or device == path]


def _device(world: Host, wanted: str) -> str:
    """Return /dev/videoN of a number, or of a path that may be a link as udev makes them."""
    path = world.path(f"/dev/video{wanted}" if wanted.isdecimal() else wanted)
    try:
        return f"/{path.resolve().relative_to(world.root.resolve())}"
    except (OSError, RuntimeError, ValueError):  # a link that leads in a circle or out of this machine
        return ""


def lasting_names(world: Host) -> dict[str, str]:
    """Return for /dev/videoN the path under which udev finds the same camera after every start: its own, or its port's.

    Source: udev's rules, 60-persistent-v4l.rules.
    """
    links = [link for folder in ("by-path", "by-id") for link in sorted(world.path(f"/dev/v4l/{folder}").glob("*"))]
    names = [f"/{link.relative_to(world.root)}" for link in links]
    return {_device(world, name): name for name in names}


def _lasting_hint(world: Host, wanted: str) -> str:
    """Return how to name a camera so that it is found under another number, too; empty where that is done."""
    lasting = lasting_names(world).get(_device(world, wanted), "") if wanted else ""
    if not lasting or wanted.startswith("/dev/v4l/"):
        return ""
    return f"camera.source = usb:{lasting} keeps its name when numbers change"


def devices(world: Host) -> dict[str, str]:
    """Return the V4L2 cameras, path to name; codecs and the like are left out."""
    folder = world.path("/sys/class/video4linux")
    names = {
        path.name: world.text(f"/sys/class/video4linux/{path.name}/name") for path in sorted(folder.glob("video*"))
    }
    present = {f"/dev/{device}": name for device, name in names.items() if world.path(f"/dev/{device}").exists()}
    return {path: name for path, name in present.items() if not any(part in name.lower() for part in _NO_CAMERAS)}


def pi_cameras(world: Host) -> list[str]:
    """Return the models of the cameras on a Pi's ribbon cables."""
    return world.python_says(_LISTS_PI).out.split() if world.is_pi else []


def group(world: Host) -> Finding:
    """Check that this user may use the video devices."""
    shut = [path for path in _video_files(world) if not world.may_read(path)]
    if shut:
        text = f"this user may not use {', '.join(f'/dev/{path.name}' for path in shut[:3])}"
        return Finding("video group", State.MISSING, text, "sudo usermod -aG video $USER, then log in again")
    return Finding("video group", State.OK, "the video devices may be used")


def _video_files(world: Host) -> list[Path]:
    return sorted(path for kind in ("video*", "media*") for path in world.path("/dev").glob(kind))


def busy(world: Host) -> Finding:
    """Check who has a camera open: only one program may."""
    users = {pid: world.text(f"/proc/{pid}/comm") for pid in _users(world)}
    ours = {pid for pid in users if "maskwatch" in world.text(f"/proc/{pid}/cmdline").replace("\0", " ")}
    others = [f"{name} (process {pid})" for pid, name in users.items() if pid not in ours]
    if others:
        mend = "end that program; only one may have the camera"
        return Finding("camera in use", State.ODD, f"by {', '.join(others)}", mend)
    return Finding("camera in use", State.OK, "by maskwatch" if ours else "by nobody that this user may see")


def _users(world: Host) -> Iterator[str]:
    """Yield the ids of the processes that have a camera open; those of other users are hidden from all but root."""
    cameras = set(devices(world)) | {f"/dev/{path.name}" for path in world.path("/dev").glob("media*")}
    for folder in world.path("/proc").glob("[0-9]*/fd"):
        if any(target in cameras for target in _targets(folder)):
            yield folder.parent.name


def _targets(folder: Path) -> list[str]:
    try:
        return [os.readlink(path) for path in folder.iterdir()]  # noqa: PTH115 - the target as it stands
    except OSError:  # gone, or another user's
        return []
