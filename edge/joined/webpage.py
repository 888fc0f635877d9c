"""The web page: what feeds it, and the process that is kept up for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edge import __version__
from edge.errors import ConfigError
from edge.joined.viewers import GROUP, Leaving, Shown, serve_scene
from edge.publish.broker import device_name
from edge.publish.message import Clock
from edge.redaction import shown
from edge.show.bulletin import Bulletin
from edge.show.day import DayLog, Sources
from edge.show.page import binding
from edge.show.sockets import beside
from edge.show.web import NEWS, PICTURES, web_process

if TYPE_CHECKING:
    from contextlib import ExitStack
    from pathlib import Path

    from edge.pipeline import Sink
    from edge.publish.publisher import Publisher
    from edge.report import Report
    from edge.settings import Settings
    from edge.tflite import ModelSpec

_NEWS_S = 1.0


def build_page(
    settings: Settings, view: Shown, day: Sources, leaving: Leaving, scene: Path, stack: ExitStack
) -> list[Sink]:
    """Open what the web page is fed from, people only in cells, and keep its process where the settings say so."""
    web, path = settings.web, beside(scene, PICTURES)
    pictures = serve_scene(path, web.width_px, view, stack, leaving.pixelation.picture, web.every_s)
    log = DayLog(day, Clock())
    news = Bulletin(beside(scene, NEWS), compose=log.compose, version=lambda: log.version, every_s=_NEWS_S, group=GROUP)
    stack.callback(news.close)
    return [pictures, log, news, *_served(settings, scene, stack)]


def _served(settings: Settings, scene: Path, stack: ExitStack) -> list[Sink]:
    """Start the page itself, where `run` is to keep it up."""
    if not settings.web.serve:
        return []
    process = web_process(scene, settings.web)
    stack.callback(process.close)
    return [process]


def check_page(settings: Settings) -> None:
    """Refuse settings of the web page that are unsafe, where it is served.

    Raises:
        ConfigError: see edge/show/page/binding.py; or there is nothing to show.
    """
    if settings.web.serve and settings.privacy.aggregate:
        raise ConfigError("web.serve: privacy.aggregate allows no picture and no alert; mend: set one of them to false")
    if settings.web.serve:
        binding.check(settings.web)


def page_sources(settings: Settings, report: Report, publisher: Publisher, models: dict[str, ModelSpec]) -> Sources:
    """Return what the web page tells of the watch."""
    who = {"name": device_name(settings.device), "site": settings.device.site, "camera": settings.camera.name}
    named = [{"kind": k, "name": m.name, "version": m.version, "sha256": m.sha256} for k, m in models.items()]
    fixed = {"device": {**who, "version": __version__}, "models": named, "settings": shown(settings)}

    def state() -> dict[str, Any]:
        problems = {name: text for name, text in report.problems().items() if text}
        waiting = {"waiting": report.outbox.waiting, "dropped_alerts": report.outbox.dropped}
        return {**report.stats(), "broker": publisher.state, **waiting, "problems": problems}

    return Sources(fixed, state, report.outbox.waits, settings.alert.expires_s)
