"""Checks of the camera: whether one is connected, whether this user may use it, and which program has it open."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from edge.capture.login import password_of
from edge.doctor import Finding, FindingState
from edge.errors import ConfigError
from edge.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from edge.doctor.host import Host
    from edge.settings.schema import Settings

_NO_CAMERAS = ("codec", "isp", "pisp", "rpivid", "hevc", "unicam", "cfe", "m2m", "stateless")
"""Parts of the names of video devices that are no cameras: a Pi has a dozen. Source: their drivers' names in sysfs."""
_LOCAL = ("auto", "camera", "picamera", "usb:")
_LIST_PI_CAMERAS = "from picamera2 import Picamera2 as P; print(*[c['Model'] for c in P.global_camera_info()])"


def camera(host: Host, settings: Settings) -> Finding:
    """Check that the camera named in the settings is connected; suggest its persistent name."""
    source = settings.camera.source
    try:
        password_of(settings.camera)
    except ConfigError as error:
        return Finding("camera", FindingState.MISSING, str(error), "maskwatch setup, or edit the settings file")
    if not source.startswith(_LOCAL):
        return Finding("camera", FindingState.OK, "not checked: camera.source is a stream, a file or the demo")
    wanted = source.removeprefix("usb:") if source.startswith("usb:") else ""
    found = _connected(host, wanted) or ([] if wanted else pi_cameras(host))
    if found:
        return Finding("camera", FindingState.OK, ", ".join(found), _persistent_name_hint(host, wanted))
    fix = "connect one (on a Pi: seat the ribbon cable, then rpicam-hello --list-cameras), or set camera.source"
    if source == "auto":
        return Finding("camera", FindingState.WARNING, "none is connected: the demo is shown", fix)
    text = f"camera.source is {redacted(source)}, and no such camera is connected"
    return Finding("camera", FindingState.MISSING, text, fix)


def _connected(host: Host, wanted: str) -> list[str]:
    """Return "/dev/video0 (name)" of the wanted camera, given by number or by any path; of all if none is named."""
    path = _device(host, wanted)
    return [f"{device} ({name})" for device, name in devices(host).items() if not wanted or device == path]


def _device(host: Host, wanted: str) -> str:
    """Return /dev/videoN for a number, or for a path that may be a link made by udev."""
    path = host.path(f"/dev/video{wanted}" if wanted.isdecimal() else wanted)
    try:
        return f"/{path.resolve().relative_to(host.root.resolve())}"
    except (OSError, RuntimeError, ValueError):  # a link in a circle, or out of this machine's root
        return ""


def persistent_names(host: Host) -> dict[str, str]:
    """Return, for each /dev/videoN, the path that names the same camera after every start: by its id, or by its port.

    Source: udev's rules, 60-persistent-v4l.rules.
    """
    links = [link for folder in ("by-path", "by-id") for link in sorted(host.path(f"/dev/v4l/{folder}").glob("*"))]
    names = [f"/{link.relative_to(host.root)}" for link in links]
    return {_device(host, name): name for name in names}


def _persistent_name_hint(host: Host, wanted: str) -> str:
    """Return how to name a camera so that it is found when its number changes; empty if that is done."""
    persistent = persistent_names(host).get(_device(host, wanted), "") if wanted else ""
    if not persistent or wanted.startswith("/dev/v4l/"):
        return ""
    return f"camera.source = usb:{persistent} stays valid when device numbers change"


def devices(host: Host) -> dict[str, str]:
    """Return the V4L2 cameras, path to name; codecs and the like are left out."""
    folder = host.path("/sys/class/video4linux")
    names = {path.name: host.text(f"/sys/class/video4linux/{path.name}/name") for path in sorted(folder.glob("video*"))}
    present = {f"/dev/{device}": name for device, name in names.items() if host.path(f"/dev/{device}").exists()}
    return {path: name for path, name in present.items() if not any(part in name.lower() for part in _NO_CAMERAS)}


def pi_cameras(host: Host) -> list[str]:
    """Return the models of the cameras on a Pi's ribbon cables."""
    return host.run_python(_LIST_PI_CAMERAS).out.split() if host.is_pi else []


def group(host: Host) -> Finding:
    """Check that this user may use the video devices."""
    refused = [path for path in _video_files(host) if not host.may_use(path)]
    if refused:
        text = f"this user may not use {', '.join(f'/dev/{path.name}' for path in refused[:3])}"
        return Finding("video group", FindingState.MISSING, text, "sudo usermod -aG video $USER, then log in again")
    return Finding("video group", FindingState.OK, "this user may use the video devices")


def _video_files(host: Host) -> list[Path]:
    return sorted(path for kind in ("video*", "media*") for path in host.path("/dev").glob(kind))


def busy(host: Host) -> Finding:
    """Check which programs have a camera open: only one at a time can."""
    users = {pid: host.text(f"/proc/{pid}/comm") for pid in _users(host)}
    own = {pid for pid in users if "maskwatch" in host.text(f"/proc/{pid}/cmdline").replace("\0", " ")}
    others = [f"{name} (process {pid})" for pid, name in users.items() if pid not in own]
    if others:
        fix = "end that program; only one at a time can use the camera"
        return Finding("camera in use", FindingState.WARNING, f"by {', '.join(others)}", fix)
    text = "by maskwatch" if own else "by no program that this user can see"
    return Finding("camera in use", FindingState.OK, text)


def _users(host: Host) -> Iterator[str]:
    """Yield the ids of the processes that have a camera open; only root sees those of other users."""
    cameras = set(devices(host)) | {f"/dev/{path.name}" for path in host.path("/dev").glob("media*")}
    for folder in host.path("/proc").glob("[0-9]*/fd"):
        if any(target in cameras for target in _targets(folder)):
            yield folder.parent.name


def _targets(folder: Path) -> list[str]:
    try:
        return [os.readlink(path) for path in folder.iterdir()]  # noqa: PTH115 - the target as it is written
    except OSError:  # the process has ended, or belongs to another user
        return []
