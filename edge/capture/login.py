"""A network camera's user and password: kept out of its address, and put into it for FFmpeg alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from edge import secret
from edge.errors import ConfigError

if TYPE_CHECKING:
    from edge.settings.schema import CameraSettings

PASSWORD = "camera-password"  # noqa: S105 - the name of its file
"""How systemd's credential and the service's file of the camera's password are named."""
_STREAM = re.compile(r"(?P<scheme>(?:rtsps?|https?)://)(?P<user>[^/?#]*@)?(?P<rest>.*)", re.IGNORECASE | re.DOTALL)
_KEPT = "!$&'()*+,;="
"""What need not be escaped in front of an "@". Source: RFC 3986, 3.2.1, sub-delims."""
_LONGEST_BYTES = 127
"""Source: libavformat/rtsp.c, ff_rtsp_connect, char auth[128]: the rest would be cut off without a word."""


def is_stream(source: str) -> bool:
    """Return whether a SPEC names a network camera."""
    return _STREAM.match(source) is not None


def password_of(camera: CameraSettings) -> str:
    """Return the password that goes with `camera.user`, "" without one and for all but network cameras.

    Raises:
        ConfigError: it cannot be read, everybody may read it, or settings contradict each other.
    """
    stream = _STREAM.match(camera.source)
    if stream is None:
        return ""
    if camera.password_file and not camera.user:
        raise ConfigError("camera.password_file: is set without camera.user; fix: set the user that it belongs to")
    if camera.user and stream["user"]:
        raise ConfigError("camera.user: camera.source names a user, too; fix: leave one of them out")
    if not camera.user:
        return ""
    return secret.password("camera.password_file", camera.password_file, credential=PASSWORD)


def with_login(camera: CameraSettings, password: str) -> str:
    """Return the address with user and password in it, escaped, and its scheme in small letters, as FFmpeg wants them.

    Raises:
        ConfigError: they are longer than FFmpeg takes.
    """
    stream = _STREAM.match(camera.source)
    if stream is None:
        return camera.source
    if not camera.user:
        return f"{stream['scheme'].lower()}{stream['user'] or ''}{stream['rest']}"
    login = f"{quote(camera.user, safe=_KEPT)}:{quote(password, safe=_KEPT)}"
    if len(login) > _LONGEST_BYTES:
        raise ConfigError(
            f"camera.user, camera.password_file: together longer than the {_LONGEST_BYTES} bytes that FFmpeg takes "
            f"(an escaped character counts three); fix: a shorter password at the camera"
        )
    return f"{stream['scheme'].lower()}{login}@{stream['rest']}"


def without_login(source: str) -> tuple[str, str, str]:
    """Return an address without what stands before its host, the user and the password."""
    stream = _STREAM.match(source)
    if stream is None or not stream["user"]:
        return source, "", ""
    user, _, password = stream["user"][:-1].partition(":")
    return f"{stream['scheme']}{stream['rest']}", unquote(user), unquote(password)
