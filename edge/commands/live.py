"""Commands that run with a camera, and those that show what it does: run, view, sign, web, watch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge.commands.options import Config, Env, Set, is_quiet, load_settings
from edge.errors import Unavailable
from edge.settings.schema import Environment

if TYPE_CHECKING:
    from edge.settings.schema import Settings


app = typer.Typer()


@app.command(
    epilog="Examples: `maskwatch run` · `maskwatch run --source demo` · `maskwatch run --source usb:0 --headless`"
)
def run(
    env: Env = Environment.DEVELOPMENT,
    config: Config = None,
    source: Annotated[
        str | None,
        typer.Option(
            help="the camera or file, as camera.source: auto, camera, picamera, usb:N, rtsp://…, a video, an image or "
            "a folder of them, demo",
            metavar="SPEC",
        ),
    ] = None,
    overrides: Set = None,
    every: Annotated[
        float | None,
        typer.Option(help="take one sample of a live camera at this interval, as camera.every_s", metavar="SECONDS"),
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="take one sample, publish one count, and exit: for cron and timers")
    ] = False,
    headless: Annotated[bool, typer.Option("--headless", help="do not open a window")] = False,
    timings: Annotated[bool, typer.Option("--timings", help="print at the end how much time each stage took")] = False,
    digest: Annotated[
        bool, typer.Option("--digest", help="print the digest of a video's episodes at its end, as detect does")
    ] = False,
) -> None:
    """Run with a camera: detect faces without a mask, notify people, and publish alerts. Ctrl-C ends it."""
    more = [f"camera.source={source}"] if source else []
    more += [f"camera.every_s={every}"] if every is not None else []
    more += ["show.window=off"] if headless else []
    more += ["show.timings=true"] if timings else []
    more += ["show.terminal=off"] if is_quiet() else []

    def read() -> Settings:
        return load_settings(env, config, overrides, *more).settings

    settings = read()
    if once:
        from edge.app.once import run_once

        typer.echo(run_once(settings, env).payload.decode())
        return
    from edge.alert.digest import EpisodeRecord, digest_line
    from edge.app.service import run_service
    from edge.capture.spec import names_files

    if digest and not names_files(settings.camera):
        raise typer.BadParameter("a camera has no end; fix: name a video with --source", param_hint="--digest")
    record = EpisodeRecord()
    if run_service(settings, env, read, [record]) and digest:
        typer.echo(digest_line(settings.camera.source, record.digest()))


@app.command(epilog="Examples: `maskwatch view` · `maskwatch view --full-screen`")
def view(
    env: Env = Environment.DEVELOPMENT,
    config: Config = None,
    overrides: Set = None,
    socket: Annotated[Path | None, typer.Option(help="the socket of the running maskwatch", metavar="PATH")] = None,
    full_screen: Annotated[bool, typer.Option("--full-screen", help="open the window in full screen")] = False,
    with_watch: Annotated[bool, typer.Option("--with-watch", help="exit as `run` expects", hidden=True)] = False,
) -> None:
    """Open a window that shows a running maskwatch; q closes it, f toggles full screen."""
    settings = load_settings(env, config, overrides).settings
    from edge.show import child_process, window

    ended = window.show(_socket_of(settings, socket), full_screen=full_screen)
    if with_watch:
        raise typer.Exit(
            {window.Ended.QUIT: child_process.QUIT, window.Ended.CLOSED: child_process.CLOSED}.get(ended, 1)
        )


@app.command(epilog="Examples: `maskwatch sign` · `maskwatch sign --stay`")
def sign(
    env: Env = Environment.DEVELOPMENT,
    config: Config = None,
    overrides: Set = None,
    socket: Annotated[Path | None, typer.Option(help="the socket of the running maskwatch", metavar="PATH")] = None,
    texts: Annotated[
        tuple[str, str, str] | None,
        typer.Option(
            "--texts", help="the texts without a notice, during one, and for thanks", metavar="IDLE NOTICE THANKS"
        ),
    ] = None,
    night: Annotated[
        str | None, typer.Option("--night", help="hours with a dark background, such as 21:00-06:00", metavar="HOURS")
    ] = None,
    stay: Annotated[bool, typer.Option("--stay", help="wait for maskwatch to start, and stay when it ends")] = False,
) -> None:
    """Show the notices of a running maskwatch on a display, without any image; q closes it."""
    settings = load_settings(env, config, overrides).settings
    from edge.app.notice import night_of, sign_texts
    from edge.show.sign import SignTexts, show_sign

    is_night = night_of(settings.notice.sign_night if night is None else night)
    words = SignTexts(*(texts or sign_texts(settings.notice)))
    show_sign(_socket_of(settings, socket), words, stay=stay, is_night=is_night)


def _socket_of(settings: Settings, named: Path | None) -> Path:
    """Return the socket of the running maskwatch, if there is a display to show it on."""
    from edge.paths import running_scene
    from edge.show.highgui import has_display

    if not has_display():
        raise Unavailable("there is no display; fix: run this on the device's desktop, or through ssh -X")
    return running_scene(named or (Path(settings.show.socket) if settings.show.socket else None))


@app.command(epilog="Examples: `maskwatch web` · `maskwatch web --token` · `maskwatch web --set web.port=8443`")
def web(
    env: Env = Environment.DEVELOPMENT,
    config: Config = None,
    overrides: Set = None,
    socket: Annotated[Path | None, typer.Option(help="the socket of the running maskwatch", metavar="PATH")] = None,
    token: Annotated[bool, typer.Option("--token", help="print the token that opens the page, and exit")] = False,
    history: Annotated[Path | None, typer.Option(help="the file of the history", hidden=True)] = None,
    with_watch: Annotated[bool, typer.Option("--with-watch", help="exit when `run` ends", hidden=True)] = False,
) -> None:
    """Serve the web page of a running maskwatch. Ctrl-C ends it."""
    settings = load_settings(env, config, overrides).settings
    from edge import paths
    from edge.app.history import file_to_read
    from edge.show.page.serve import serve
    from edge.show.page.token import path_to_print, token_of, token_path

    if token:
        path = path_to_print(token_path(settings.web), is_set=bool(settings.web.token_file))
        typer.echo(token_of(path))
        return
    named = socket or (Path(settings.show.socket) if settings.show.socket else None)
    serve(settings.web, paths.running_scene(named), history or file_to_read(settings), with_watch=with_watch)


@app.command(epilog="Examples: `maskwatch watch` · `maskwatch watch --set mqtt.host=broker.example`")
def watch(env: Env = Environment.DEVELOPMENT, config: Config = None, overrides: Set = None) -> None:
    """Subscribe to the alerts of all devices on the broker, and print each once. Ctrl-C ends it."""
    settings = load_settings(env, config, overrides).settings
    import signal
    import threading

    from edge.publish.access import find
    from edge.publish.subscriber import alerts, describe

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    for alert in alerts(find(settings.mqtt), stop, settings.mqtt.topic_root):
        typer.echo(describe(alert))
