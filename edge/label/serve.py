"""Serves the page of `maskwatch label` on loopback, behind the token of the web page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.errors import InputError
from edge.label.listing import Listing
from edge.label.page import LabelPage
from edge.label.photographs import Photographs
from edge.show.page.binding import hosts_of
from edge.show.page.serve import serve_local
from edge.show.page.token import token_of, token_path
from edge.stages import load_models

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edge.settings.schema import Settings


def serve(settings: Settings, folder: Path, port: int, opened: Callable[[str], None]) -> None:
    """Serve the page for a folder until SIGINT or SIGTERM; `opened` gets its address.

    Raises:
        InputError: the folder does not exist, has no photographs, or its listing cannot be read.
        ModelError: the detector cannot be loaded.
        ConfigError: the port is in use.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    local = {"host": "127.0.0.1", "port": port, "tls_cert": "", "tls_key": "", "hosts": (), "trusted_proxies": ()}
    web = settings.web.model_copy(update=local)
    listing = Listing(folder)
    photographs = Photographs(folder, load_models(settings, profile="quality").detector)
    page = LabelPage(web, token_of(token_path(web)), photographs, listing)
    serve_local(web, page.app(hosts_of(web)), opened)
