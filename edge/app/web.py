"""The web page: what feeds it, and the process that is kept up for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edge import __version__
from edge.app.components import stamp
from edge.app.viewers import GROUP, Shown, serve_scene
from edge.publish.broker import device_name
from edge.publish.message import Clock
from edge.redaction import shown
from edge.show.child_process import ChildProcess
from edge.show.daily import DailyLog, Sources
from edge.show.feed import Feed
from edge.show.shared_scene import SceneServer
from edge.show.sockets import beside
from edge.show.web import NEWS, PICTURES, web_process

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edge.app.components import Components
    from edge.data import Image, Scene
    from edge.monitor.status import StatusReport
    from edge.pipeline import Sink
    from edge.publish.publisher import Publisher
    from edge.settings.schema import Settings
    from edge.tflite import ModelSpec

_NEWS_S = 1.0


def build_page(
    settings: Settings,
    view: Shown,
    day: Sources,
    picture: Callable[[Scene], Image | None],
    scene: Path,
    keep: Components,
) -> list[Sink]:
    """Open what the web page is fed from, and keep its process where the settings say so.

    picture: makes of a scene what leaves it, people only in cells.
    """
    web, path = settings.web, beside(scene, PICTURES)
    pictures = keep(
        "pictures",
        (path, web.width_px, web.every_s),
        lambda: serve_scene(path, web.width_px, view, picture, web.every_s),
        SceneServer.close,
    )
    log = keep("day", settings.camera.name, lambda: DailyLog(day, Clock()))
    log.adopt(day)
    news = keep("news", (scene, log), lambda: _news(beside(scene, NEWS), log), Feed.close)
    return [pictures, log, news, *_served(settings, scene, keep)]


def _news(path: Path, log: DailyLog) -> Feed:
    return Feed(path, compose=log.compose, version=lambda: log.version, every_s=_NEWS_S, group=GROUP)


def _served(settings: Settings, scene: Path, keep: Components) -> list[Sink]:
    """Start the page itself, where `run` is to keep it up."""
    if not settings.web.serve:
        return []
    web = settings.web
    files = stamp(web.tls_cert, web.tls_key, web.token_file)  # a renewed certificate is read at its start
    return [keep("web page", (scene, web, files), lambda: web_process(scene, web), ChildProcess.close)]


def page_sources(
    settings: Settings, report: StatusReport, publisher: Publisher, models: dict[str, ModelSpec]
) -> Sources:
    """Return what the web page tells of the watch."""
    who = {"name": device_name(settings.device), "site": settings.device.site, "camera": settings.camera.name}
    named = [{"kind": k, "name": m.name, "version": m.version, "sha256": m.sha256} for k, m in models.items()]
    fixed = {"device": {**who, "version": __version__}, "models": named, "settings": shown(settings)}

    def state() -> dict[str, Any]:
        problems = {name: text for name, text in publisher.problems().items() if text}
        waiting = {"waiting": report.outbox.waiting, "dropped_alerts": report.outbox.dropped}
        return {**report.stats(), "broker": publisher.state, **waiting, "problems": problems}

    return Sources(fixed, state, report.outbox.waits, settings.alert.expires_s)
