"""How long from a decision to each notice to the people nearby, while no broker can be reached.

python -m tests.benchmarks.notice [--rounds 60]      needs Xvfb, matchbox-window-manager and espeak-ng

lamp: the pin of gpiozero's mock factory changes.  sound: the program that plays has been started.
sign, banner: a pixel of the screen changes, as the X server has it in memory.  Each scene is walked through the real
detector first, so that the process is as busy as in a watch.  Times are from `Scene.decided_at`, in ms.
"""

from __future__ import annotations

import argparse
import mmap
import os
import struct
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from gpiozero import Device
from gpiozero.pins.mock import MockFactory

from edge.app.components import Components
from edge.app.mqtt import ProcessState, build_publisher
from edge.app.notice import build_notice_outputs, build_notice_policy, sign_texts
from edge.capture.demo import DemoCamera
from edge.data import Alert, EventType, Faces, Mask, Scene, Track
from edge.notice.problems import Problems
from edge.publish.broker import broker_of
from edge.settings.load import load
from edge.show.child_process import ChildProcess
from edge.show.shared_scene import SceneServer
from edge.show.sign import SignTexts, sign_process
from edge.stages import load_models
from tests.support.driver import NoProblems
from tests.support.fakes import eventually, frame
from tests.support.players import RecordingPlayer
from tests.support.screen import open_screen

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpiozero.pins.mock import MockPin

    from edge.notice.policy import NoticePolicy
    from edge.pipeline import Sink
    from edge.publish.publisher import Publisher
    from edge.settings.schema import Settings
    from edge.stages import Models

_ROUND_S = 2.0
_QUIET_S = 0.5
_PERIOD_S = 1 / 15
_IDLE = (107, 62, 0)
"""Blue, green, red of the sign while nobody is asked."""
_PLEASE_ON_SIGN, _PLEASE_IN_WINDOW = (0, 212, 255), (0, 94, 213)
"""While somebody is."""
_UNPAINTED = ((0, 0, 0), (239, 239, 239))
"""Of a screen without a window, and of a window without a picture."""
_SETTINGS = (
    "mqtt.host=127.0.0.1",
    "mqtt.port=1",
    "mqtt.outbox=memory",
    "notice.voice=espeak",
    "notice.lamp_pin=GPIO17",
    "notice.hold_s=0",
    "notice.repeat_s=0",
)


class Pixel:
    """One pixel of an Xvfb's memory. Source: X11/XWDFile.h: header of big-endian words, colour map, rows."""

    def __init__(self, file: Path, x: int, y: int) -> None:
        """Map the screen's file."""
        with file.open("rb") as opened:
            self._memory = mmap.mmap(opened.fileno(), 0, prot=mmap.PROT_READ)
        words = struct.unpack_from(">25I", self._memory)
        self._offset = words[0] + 12 * words[19] + y * words[12] + 4 * x

    @property
    def bgr(self) -> tuple[int, int, int]:
        """Its colour now."""
        blue, green, red = self._memory[self._offset : self._offset + 3]
        return blue, green, red


class Stopwatch:
    """Waits for one thing to happen, on a thread that checks every millisecond."""

    def __init__(self, happened: Callable[[], bool], patience_s: float) -> None:
        """Begin to check, for at most `patience_s`."""
        self.at: float | None = None
        self._happened, self._end_at = happened, time.monotonic() + patience_s
        self._thread = threading.Thread(target=self._check, name="stopwatch")
        self._thread.start()

    def _check(self) -> None:
        while time.monotonic() < self._end_at:
            if self._happened():
                self.at = time.monotonic()
                return
            time.sleep(0.001)

    def join(self) -> float | None:
        """Return when it happened, s on the monotonic clock, None if it did not."""
        self._thread.join()
        return self.at


@dataclass
class Stop:
    """A bus stop at work: the sinks of its scenes, and what shows that a notice was given."""

    sinks: tuple[Sink, ...]
    scene: Callable[[bool], Scene]
    lamp: MockPin
    recorder: RecordingPlayer
    sign: Pixel
    window: Pixel

    def put(self, *, unmasked: bool, for_s: float, until: Callable[[], bool] = lambda: False) -> float:
        """Put scenes at 15 Hz; return when the first was decided."""
        end_at, first_at = time.monotonic() + for_s, 0.0
        while time.monotonic() < end_at and not until():
            scene = self.scene(unmasked)
            first_at = first_at or scene.decided_at
            for sink in self.sinks:
                sink.put(scene)
            time.sleep(_PERIOD_S)
        return first_at

    def start(self) -> None:
        """Put quiet scenes until the voice can speak and both screens are painted."""
        if not eventually(lambda: self.recorder.tried, 30):
            raise RuntimeError("the voice did not start")
        self.put(unmasked=False, for_s=40.0, until=self._painted)
        if not self._painted():
            raise RuntimeError("the sign or the window did not start")

    def _painted(self) -> bool:
        return self.sign.bgr == _IDLE and self.window.bgr not in _UNPAINTED

    def delays_ms(self, number: int, patience_s: float) -> dict[str, float]:
        """Return the ms from the decision of round `number`, from 0, to the effect of each way that had one in time."""
        self.put(unmasked=False, for_s=_QUIET_S)
        effects = {
            "lamp": lambda: self.lamp.state,
            "sound": lambda: len(self.recorder.played) > number,
            "sign": lambda: self.sign.bgr == _PLEASE_ON_SIGN,
            "banner": lambda: self.window.bgr == _PLEASE_IN_WINDOW,
        }
        watches = {way: Stopwatch(happened, patience_s) for way, happened in effects.items()}
        decided_at = self.put(unmasked=True, for_s=_QUIET_S)
        at = {way: watch.join() for way, watch in watches.items()}
        if at["sound"]:
            at["sound"] = self.recorder.played[number][0]
        return {way: 1e3 * (happened_at - decided_at) for way, happened_at in at.items() if happened_at is not None}


def build_stop(folder: Path, stack: ExitStack) -> Stop:
    """Return a stop that the settings above describe; `stack` closes it."""
    recorder, pins = mocked(folder, stack)
    settings = load(overrides=_SETTINGS, system_file=Path("/nonexistent")).settings
    models, policy = load_models(settings, profile="live"), build_notice_policy(settings.notice)
    keep = stack.enter_context(Components())
    publisher = publisher_of(settings, models, policy, keep)
    outputs = build_notice_outputs(settings.notice, Problems(), keep)
    server = SceneServer(folder / "s.sock", max_side_px=1280, status=str)
    stack.callback(server.close)
    texts, view = SignTexts(*sign_texts(settings.notice)), ["view", "--socket", str(server.path)]
    sign = on_screen(
        folder / "sign", "1920x1080", lambda: sign_process(server.path, texts, "", lambda _text: None), stack
    )
    window = on_screen(folder / "window", "1280x800", lambda: ChildProcess("window", view), stack)
    return Stop(
        (*outputs, publisher, server),
        scenes(models, policy),
        pins.pin("GPIO17"),
        recorder,
        Pixel(sign, 12, 1080 - 90),
        Pixel(window, 27, 740),
    )


def mocked(folder: Path, stack: ExitStack) -> tuple[RecordingPlayer, MockFactory]:
    """Put a player that only notes in place of the system's, and pins of memory in place of a Pi's."""
    recorder = RecordingPlayer(folder / "recorder")
    stack.callback(os.environ.__setitem__, "PATH", os.environ["PATH"])
    os.environ["PATH"] = f"{recorder.programs}:/usr/bin:/bin"
    Device.pin_factory = MockFactory()
    stack.callback(setattr, Device, "pin_factory", None)
    return recorder, Device.pin_factory


def on_screen(folder: Path, size: str, start: Callable[[], ChildProcess], stack: ExitStack) -> Path:
    """Start a child on a screen of its own; return the file of the screen's memory."""
    folder.mkdir()
    screen = open_screen(size, "-fbdir", str(folder))
    stack.callback(screen.kill)
    before = os.environ.get("DISPLAY")
    os.environ["DISPLAY"] = screen.name
    stack.callback(start().close)
    os.environ.pop("DISPLAY")
    if before is not None:
        os.environ["DISPLAY"] = before
    return folder / "Xvfb_screen0"


def publisher_of(settings: Settings, models: Models, policy: NoticePolicy, keep: Components) -> Publisher:
    """Return the real publisher; its broker cannot be reached."""
    broker = broker_of(settings.mqtt, "bench")
    process, ignore = ProcessState(policy), lambda _key, _value: None
    return build_publisher(settings, broker, models, NoProblems(), process, ignore, None, {}, keep)


def scenes(models: Models, policy: NoticePolicy) -> Callable[[bool], Scene]:
    """Return a maker of scenes, each walked through the detector and the notice policy."""
    image = np.ascontiguousarray(DemoCamera().scene(4.0))
    track = Track(1, (10, 10, 60, 60), 0, 0.0, 0.0, Mask.WITHOUT_MASK, 0.9, 5, (0.05, 0.9, 0.05))
    start = Alert("e1", EventType.START, 0, Mask.WITHOUT_MASK, track, 0.0, 0.0)

    def make(unmasked: bool) -> Scene:
        shot = replace(frame(time.monotonic()), image=image)
        models.detector.detect(shot)
        scene = Scene(shot, Faces.none(), (track,), (), time.monotonic(), (start,) if unmasked else ())
        return replace(scene, notice=policy.judge(scene))

    return make


def measure(folder: Path, *, rounds: int, patience_s: float = _ROUND_S) -> dict[str, list[float]]:
    """Return the ms from decision to effect of each way, one per round; fewer where one did not happen in time."""
    with ExitStack() as stack:
        stop = build_stop(folder, stack)
        stop.start()
        found = [stop.delays_ms(number, patience_s) for number in range(rounds)]
    return {way: [delays[way] for delays in found if way in delays] for way in ("lamp", "sound", "sign", "banner")}


def p95_ms(times_ms: list[float]) -> float:
    """Return the 95th percentile by nearest rank: of 20 times the last but one."""
    return float(np.percentile(times_ms, 95, method="inverted_cdf"))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=60)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name:
        measured = measure(Path(name), rounds=rounds)
    print(f"{'way':8} {'n':>4} {'p50 ms':>8} {'p95 ms':>8} {'max ms':>8}")
    for way, times_ms in measured.items():
        p50 = float(np.percentile(times_ms, 50)) if times_ms else float("nan")
        p95, most = (p95_ms(times_ms), max(times_ms)) if times_ms else (float("nan"),) * 2
        print(f"{way:8} {len(times_ms):4} {p50:8.1f} {p95:8.1f} {most:8.1f}")
    sys.exit(any(len(times_ms) < rounds or p95_ms(times_ms) >= 300 for times_ms in measured.values()))


if __name__ == "__main__":
    main()
