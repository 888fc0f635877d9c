"""Compose the web page: the sinks that feed it, and the process that serves it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from edge import __version__
from edge.app.components import stamp
from edge.app.viewers import GROUP, serve_scene
from edge.clock import Clock
from edge.publish.broker import device_name
from edge.settings.redact import redacted_settings
from edge.show.child_process import ChildProcess
from edge.show.daily import DailyLog, Sources
from edge.show.feed import Feed
from edge.show.shared_scene import SceneServer
from edge.show.sockets import FEED_SOCKET, IMAGES_SOCKET, socket_next_to

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edge.app.components import Components
    from edge.data import Image, Scene
    from edge.monitor.status import StatusReport
    from edge.pipeline import Sink
    from edge.publish.publisher import Publisher
    from edge.settings.schema import Settings, WebSettings
    from edge.tflite import ModelSpec

_FEED_S = 1.0


def build_page(
    settings: Settings,
    status: Callable[[], str],
    day: Sources,
    redact: Callable[[Scene], Image | None],
    scene: Path,
    history: Path,
    keep: Components,
) -> list[Sink]:
    """Return the sinks that feed the web page, and its process where the settings ask for one.

    history: the file of the history.  status: returns the status line.
    redact: returns the image of a scene with people pixelated.
    """
    web = settings.web
    path = socket_next_to(scene, IMAGES_SOCKET)
    images = keep(
        "images",
        (path, web.width_px, web.every_s),
        lambda: serve_scene(path, web.width_px, status, redact, web.every_s),
        SceneServer.close,
    )
    log = keep("day", settings.camera.name, lambda: DailyLog(day, Clock()))
    log.adopt(day)
    feed = keep("feed", (scene, log), lambda: _open_feed(socket_next_to(scene, FEED_SOCKET), log), Feed.close)
    return [images, log, feed, *_served(settings, scene, history, keep)]


def _open_feed(path: Path, log: DailyLog) -> Feed:
    return Feed(path, compose=log.compose, version=lambda: log.version, every_s=_FEED_S, group=GROUP)


def _served(settings: Settings, scene: Path, history: Path, keep: Components) -> list[Sink]:
    """Return the process of the page, where the settings ask for one."""
    if not settings.web.serve:
        return []
    web = settings.web
    files = stamp(web.tls_cert, web.tls_key, web.token_file)  # the process reads a renewed certificate when it starts
    return [
        keep("web page", (scene, web, files, history), lambda: _web_process(scene, web, history), ChildProcess.close)
    ]


def _web_process(scene: Path, web: WebSettings, history: Path) -> ChildProcess:
    """Return the process `maskwatch web` for the service at `scene`, with the settings in force."""
    pairs = [f"web.{key}={json.dumps(value)}" for key, value in web.model_dump().items()]
    overrides = [argument for pair in pairs for argument in ("--set", pair)]
    return ChildProcess(
        "web page", ["web", "--socket", str(scene), "--history", str(history), "--with-watch", *overrides]
    )


def page_sources(
    settings: Settings,
    report: StatusReport,
    publisher: Publisher,
    models: dict[str, ModelSpec],
    drift: Callable[[], dict[str, Any] | None],
) -> Sources:
    """Return the sources of what the web page shows about the service; drift: see `Sources`."""
    device = {"name": device_name(settings.device), "site": settings.device.site, "camera": settings.camera.name}
    identities = [{"kind": kind, **spec.identity} for kind, spec in models.items()]
    fixed = {
        "device": {**device, "version": __version__},
        "models": identities,
        "settings": redacted_settings(settings),
    }

    def state() -> dict[str, Any]:
        problems = {name: text for name, text in publisher.problems().items() if text}
        waiting = {"waiting": publisher.outbox.waiting, "dropped_alerts": publisher.outbox.dropped}
        return {**report.stats(), "broker": publisher.state, **waiting, "problems": problems}

    return Sources(fixed, state, publisher.outbox.waits, settings.alert.expires_s, drift)
