"""Compose the viewers on this machine (window, sign, terminal) and the pixelated images that may leave it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from edge.app.notice import sign_texts
from edge.data import Notice
from edge.paths import scene_socket
from edge.privacy.background import BackgroundModel
from edge.privacy.pixelate import Cover, Pixelation
from edge.privacy.snapshot import Snapshot
from edge.show.child_process import ChildProcess
from edge.show.highgui import has_display
from edge.show.shared_scene import SceneServer, image_of
from edge.show.terminal import TerminalView

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from rich.console import Console

    from edge.app.components import Components
    from edge.data import Image, Scene
    from edge.notice.problems import Problems
    from edge.pipeline import Sink
    from edge.settings.schema import Settings

GROUP = "maskwatch"


class WithoutNotice:
    """Sink that passes scenes on without their notice, to a viewer that is set not to show it."""

    def __init__(self, sink: Sink) -> None:
        """Pass on to `sink`."""
        self._sink = sink

    def put(self, scene: Scene) -> None:
        """Pass a scene on."""
        self._sink.put(replace(scene, notice=Notice()))


@dataclass(frozen=True, slots=True)
class ImageRedaction:
    """The images that may leave the service, in which nobody can be recognised.

    sinks: those that need every scene for it.  snapshot: returns the newest image as JPEG; None where none is sent.
    """

    pixelation: Pixelation
    sinks: tuple[Sink, ...]
    snapshot: Callable[[], bytes] | None


def build_image_redaction(settings: Settings, place: object, keep: Components) -> ImageRedaction:
    """Compose the pixelation; the background is learned only where images leave, since that costs 4 ms per second.

    place: identifies the view of the camera; the background of another view is learned from the start.
    """
    background = keep("background", place, BackgroundModel)
    cover = Cover(settings.privacy.pixelate)
    pixelation = Pixelation(cover, background, cells=settings.privacy.cells, width_px=settings.web.width_px)
    snapshot = Snapshot(pixelation)
    sends = settings.mqtt.snapshot and not settings.privacy.aggregate
    sinks: tuple[Sink, ...] = (background,) if sends or settings.web.serve else ()
    return ImageRedaction(pixelation, (*sinks, snapshot) if sends else sinks, snapshot.jpeg if sends else None)


def build_scene(settings: Settings, status: Callable[[], str], keep: Components) -> SceneServer:
    """Open the shared memory that windows on this machine read."""
    path = Path(settings.show.socket) if settings.show.socket else scene_socket()
    max_px = settings.show.max_width_px
    return keep("scene", (path, max_px), lambda: serve_scene(path, max_px, status), SceneServer.close)


def serve_scene(
    path: Path,
    max_side_px: int,
    status: Callable[[], str],
    redact: Callable[[Scene], Image | None] = image_of,
    every_s: float = 0.0,
) -> SceneServer:
    """Open shared memory for viewers that connect at `path`; see `SceneServer` for the parameters."""
    return SceneServer(path, max_side_px=max_side_px, status=status, group=GROUP, redact=redact, every_s=every_s)


def build_viewers(
    settings: Settings,
    status: Callable[[], str],
    scene: SceneServer,
    console: Console,
    stop: threading.Event,
    problems: Problems,
    keep: Components,
) -> list[Sink]:
    """Return the viewers that the settings ask for: window, sign and terminal."""
    viewers: list[Sink] = []
    if settings.show.window == "on" or (settings.show.window == "auto" and has_display()):
        from edge.show.window import window_process  # noqa: PLC0415 - brings Pillow to draw with, which no device needs

        viewers.append(keep("window", scene, lambda: window_process(scene.path, stop), ChildProcess.close))
    if settings.notice.sign == "on":
        viewers += _signs(settings, scene, problems, keep)
    if settings.show.terminal != "off":
        terminal = partial(TerminalView, console, status=status)
        viewers.append(keep("terminal", None, terminal, TerminalView.close))
    return viewers


def _signs(settings: Settings, scene: SceneServer, problems: Problems, keep: Components) -> list[ChildProcess]:
    """Return the process of the sign; without a display, report how to start it elsewhere."""
    from edge.show.sign import SignTexts, sign_process  # noqa: PLC0415 - brings Pillow, and most runs have no sign

    texts = SignTexts(*sign_texts(settings.notice))
    report = partial(problems.report, "sign")

    def open_signs() -> list[ChildProcess]:
        if has_display():
            return [sign_process(scene.path, texts, settings.notice.sign_night, report)]
        report("there is no display; fix: run `maskwatch sign --stay` on the device's desktop, and set notice.sign=off")
        return []

    def close_signs(signs: list[ChildProcess]) -> None:
        for sign in signs:
            sign.close()
        problems.forget("sign")

    return keep("sign", (scene, texts, settings.notice.sign_night), open_signs, close_signs)
