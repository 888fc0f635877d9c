"""The demo as a network camera, for a production that refuses the demo: `python -m tests.support.demo_stream PORT`."""

from __future__ import annotations

import sys
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2

from edge.capture.demo import DemoCamera


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


if __name__ == "__main__":
    serve(int(sys.argv[1])).serve_forever()
