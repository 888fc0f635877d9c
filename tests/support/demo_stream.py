"""The demo as a network camera, for a production that refuses the demo: `python -m tests.support.demo_stream PORT`."""

from __future__ import annotations

import sys
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import cv2

from edge.capture.demo import DemoCamera

if TYPE_CHECKING:
    from tests.support.machine import Machine

PORT = 8090
SOURCE = f"http://127.0.0.1:{PORT}/"
"""The camera of a machine that `install` has prepared."""
_UNIT = f"""
[Service]
WorkingDirectory=/src
ExecStart=/opt/maskwatch/bin/python -m tests.support.demo_stream {PORT}
Restart=always
[Install]
WantedBy=multi-user.target
"""


class Handler(BaseHTTPRequestHandler):
    """Plays the demo from its beginning on each connection, as MJPEG."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=b")
        self.end_headers()
        camera = DemoCamera()
        with suppress(OSError):
            while True:
                picture = cv2.imencode(".jpg", camera.read().image)[1].tobytes()
                head = b"--b\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(picture)
                self.wfile.write(head + picture + b"\r\n")

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def serve(port: int) -> ThreadingHTTPServer:
    """Return a server on loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    return server


def install(debian: Machine) -> None:
    """Start the network camera in a machine with maskwatch and a clone in /src, now and at each boot."""
    debian.path("/etc/systemd/system/camera.service").write_text(_UNIT)
    debian.run("systemctl", "enable", "--now", "camera")


if __name__ == "__main__":
    serve(int(sys.argv[1])).serve_forever()
