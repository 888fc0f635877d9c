"""A network camera that asks for a login and keeps the answer."""

from __future__ import annotations

import socketserver
import threading

BASIC, DIGEST = 'Basic realm="camera"', 'Digest realm="camera", nonce="4e6f"'


class Camera(socketserver.ThreadingTCPServer):
    """A network camera's doorman, for RTSP and HTTP: asks who is there, keeps the answer, lets nobody in."""

    daemon_threads = allow_reuse_address = True

    def __init__(self, challenge: str) -> None:
        super().__init__(("127.0.0.1", 0), _Visit)
        self.challenge, self.answers = challenge, []
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Visit(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while request := self.rfile.readline():
            headers = {}
            while (line := self.rfile.readline().strip()) and b":" in line:
                name, _, value = line.decode().partition(":")
                headers[name.lower()] = value.strip()
            method, _, protocol = request.decode().strip().partition(" ")[0], "", request.decode().split()[-1]
            if "authorization" in headers:
                self.server.answers.append((method, headers["authorization"]))
            refuse = method != "OPTIONS"
            status = "401 Unauthorized" if refuse else "200 OK"
            lines = [f"{protocol} {status}", f"CSeq: {headers.get('cseq', '1')}", "Content-Length: 0"]
            lines += [f"WWW-Authenticate: {self.server.challenge}"] if refuse else []
            self.wfile.write("\r\n".join([*lines, "", ""]).encode())
