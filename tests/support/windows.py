"""Closes a window as a click on its frame does: by a message that asks the program, which may clean up first."""

from __future__ import annotations

import ctypes
import os
import subprocess

from tests.support.fakes import eventually
from tests.support.needs import need


class _ClientMessage(ctypes.Structure):
    """XClientMessageEvent. Source: Xlib.h."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("send_event", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("message_type", ctypes.c_ulong),
        ("format", ctypes.c_int),
        ("words", ctypes.c_long * 5),
        ("_padding", ctypes.c_long * 24),
    )


_CLIENT_MESSAGE = 33


def close_window(display: str, window: int) -> None:
    """Send WM_DELETE_WINDOW. Source: ICCCM 4.2.8.1; xdotool can do so only from 2021 on."""
    x11 = ctypes.CDLL("libX11.so.6")
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XInternAtom.restype = ctypes.c_ulong
    connection = ctypes.c_void_p(x11.XOpenDisplay(display.encode()))
    atoms = [x11.XInternAtom(connection, name, 0) for name in (b"WM_PROTOCOLS", b"WM_DELETE_WINDOW")]
    words = (ctypes.c_long * 5)(atoms[1], 0)
    message = _ClientMessage(type=_CLIENT_MESSAGE, window=window, message_type=atoms[0], format=32, words=words)
    x11.XSendEvent(connection, ctypes.c_ulong(window), 0, ctypes.c_long(0), ctypes.byref(message))
    x11.XCloseDisplay(connection)


def shown_window(display: str, title: str) -> int:
    """Return the number of the window once it is painted, and so can be closed like any other."""
    command = [need("xdotool"), "search", "--onlyvisible", "--name", f"^{title}$"]
    found: list[str] = []

    def find_window() -> bool:
        env = {**os.environ, "DISPLAY": display}
        found[:] = subprocess.run(command, capture_output=True, text=True, env=env, check=False).stdout.split()
        return bool(found)

    assert eventually(find_window, 30)
    return int(found[0])
