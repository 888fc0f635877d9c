"""A network camera's user and password, kept apart from its address and joined only for FFmpeg."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from edge import secret
from edge.errors import ConfigError

if TYPE_CHECKING:
    from edge.settings.schema import CameraSettings

PASSWORD = "camera-password"  # noqa: S105 - the name of its file
"""Name of systemd's credential, and of the service's file, with the camera's password."""
_STREAM = re.compile(r"(?P<scheme>(?:rtsps?|https?)://)(?P<user>[^/?#]*@)?(?P<rest>.*)", re.IGNORECASE | re.DOTALL)
_KEPT = "!$&'()*+,;="
"""Characters that need no escaping in user and password. Source: RFC 3986, 3.2.1, sub-delims."""
_LONGEST_BYTES = 127
"""Source: libavformat/rtsp.c, ff_rtsp_connect, char auth[128]: it cuts off the rest without an error."""


def is_stream(source: str) -> bool:
    """Return whether a SPEC names a network camera."""
    return _STREAM.match(source) is not None


def password_of(camera: CameraSettings) -> str:
    """Return the password of `camera.user`; "" without a user, and for anything but network cameras.

    Raises:
        ConfigError: it cannot be read, everybody can read it, or settings contradict each other.
    """
    stream = _STREAM.match(camera.source)
    if stream is None:
        return ""
    if camera.password_file and not camera.user:
        raise ConfigError("camera.password_file: is set without camera.user; fix: set the user that it belongs to")
    if camera.user and stream["user"]:
        raise ConfigError("camera.user: camera.source contains a user, too; fix: remove one of them")
    if not camera.user:
        return ""
    return secret.password("camera.password_file", camera.password_file, credential=PASSWORD)


def with_login(camera: CameraSettings, password: str) -> str:
    """Return the address with the escaped user and password, and the scheme in lower case, as FFmpeg requires.

    Raises:
        ConfigError: they are longer than FFmpeg accepts.
    """
    stream = _STREAM.match(camera.source)
    if stream is None:
        return camera.source
    if not camera.user:
        return f"{stream['scheme'].lower()}{stream['user'] or ''}{stream['rest']}"
    login = f"{quote(camera.user, safe=_KEPT)}:{quote(password, safe=_KEPT)}"
    if len(login) > _LONGEST_BYTES:
        raise ConfigError(
            f"camera.user, camera.password_file: together longer than the {_LONGEST_BYTES} bytes that FFmpeg accepts "
            f"(an escaped character counts as three); fix: set a shorter password at the camera"
        )
    return f"{stream['scheme'].lower()}{login}@{stream['rest']}"


def without_login(source: str) -> tuple[str, str, str]:
    """Return an address without its login, and the user and password from it."""
    stream = _STREAM.match(source)
    if stream is None or not stream["user"]:
        return source, "", ""
    user, _, password = stream["user"][:-1].partition(":")
    return f"{stream['scheme']}{stream['rest']}", unquote(user), unquote(password)
