"""A real MQTT broker that tests start, stop and freeze."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.support.fakes import eventually
from tests.support.needs import need
from tests.support.ports import answers, free_port

PERSISTENT = (
    "persistence true",
    "autosave_on_changes true",
    "autosave_interval 1",
    "max_queued_messages 0",  # the default of 1,000 for a receiver that is away drops what was acknowledged
)


class Mosquitto:
    """A real broker that can be stopped, started again and frozen."""

    def __init__(self, folder: Path, *lines: str, port: int | None = None) -> None:
        self.port = port or free_port()
        self._config = folder / f"mosquitto-{self.port}.conf"
        anonymous = [] if any(line.startswith("password_file") for line in lines) else ["allow_anonymous true"]
        listener = [] if any(line.startswith("listener") for line in lines) else [f"listener {self.port} 127.0.0.1"]
        user = ["user root"] if os.getuid() == 0 else []
        self._config.write_text("\n".join([*user, *listener, *anonymous, *lines, ""]))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen([need("mosquitto"), "-c", str(self._config)], stderr=subprocess.DEVNULL)
        assert eventually(lambda: answers(self.port)), "mosquitto did not start"

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def signal(self, number: int) -> None:
        assert self._process
        self._process.send_signal(number)
