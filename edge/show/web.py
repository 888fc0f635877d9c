"""The web page seen from the watch: which sockets it is met at, and the process that is kept running for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from edge import paths
from edge.show.child_process import ChildProcess

if TYPE_CHECKING:
    from edge.settings.schema import WebSettings

PICTURES, NEWS = "web", "day"
"""Names of the sockets beside that of the scene: of pixelated pictures, and of everything else that the page tells."""
_TOKEN = "web-token"  # noqa: S105 - the name of its file


def token_path(web: WebSettings) -> Path:
    """Return the file of the token: the setting, else in the state folder."""
    return Path(web.token_file) if web.token_file else paths.state_folder() / _TOKEN


def web_process(scene: Path, web: WebSettings) -> ChildProcess:
    """Return the keeper of `maskwatch web` on the watch whose scene is at `scene`, with the settings in force."""
    pairs = [f"web.{key}={json.dumps(value)}" for key, value in web.model_dump().items()]
    words = [word for pair in pairs for word in ("--set", pair)]
    return ChildProcess("web page", ["web", "--socket", str(scene), "--with-watch", *words])
