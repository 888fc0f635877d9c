"""A virtual X screen with a window manager."""

from __future__ import annotations

import os
import subprocess

from tests.support.needs import need


class Screen:
    """A running X screen with a window manager; `name` is what DISPLAY is set to.

    As on every desktop. With one or without, Qt 5 loses a new window now and then while a machine is very busy.
    """

    def __init__(self, name: str, server: subprocess.Popen[bytes]) -> None:
        self.name = name
        manager = ["matchbox-window-manager", "-use_titlebar", "no"]
        environ = {**os.environ, "DISPLAY": name}
        self._processes = [subprocess.Popen(manager, env=environ, stderr=subprocess.DEVNULL), server]

    def kill(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()


def open_screen(size: str = "1280x800", *more: str) -> Screen:
    """Start an X screen of WIDTHxHEIGHT; a window on it fills it."""
    server_program = need("Xvfb", "matchbox-window-manager", "libSM.so.6", "libICE.so.6")
    reader, writer = os.pipe()
    command = [server_program, "-displayfd", str(writer), "-screen", "0", f"{size}x24", "-nolisten", "tcp", *more]
    server = subprocess.Popen(command, pass_fds=[writer], stderr=subprocess.DEVNULL)
    os.close(writer)
    with os.fdopen(reader) as numbers:
        return Screen(f":{numbers.readline().strip()}", server)
