"""The voice: phrases prepared once, and played on a thread of their own, never two at once."""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from edge.data import NoticeState
from edge.notice.sound import louder, silence, write

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.data import Notice, Scene
    from edge.notice.player import Player
    from edge.notice.sound import Clip

_STALE_S = 8.0
"""A notice that has waited for longer, behind another or for the voice to be ready, is not spoken."""
_STOP_S = 3.0
_TRIAL_S = 0.05


class Voice:
    """Sink that speaks each notice that is to be heard; while one is spoken, the newest waits."""

    def __init__(
        self,
        prepare: Callable[[Path], dict[NoticeState, Clip]],
        player: Player,
        report: Callable[[str], None],
        *,
        folder: str | None = None,
    ) -> None:
        """Make the clips by `prepare(folder)` and play them; `report` takes what is wrong, "" when it works again.

        folder: where sound files may be written, best in memory; None: the system's folder for temporary files.
        """
        self._prepare, self._player, self._report, self._parent = prepare, player, report, folder
        self._changed = threading.Condition()
        self._waiting: tuple[float, Notice] | None = None
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="voice", daemon=True)
        self._thread.start()

    def put(self, scene: Scene) -> None:
        """Speak soon what is to be heard; drop what still waits when the notice ends. A sentence that began goes on."""
        notice = scene.notice
        if notice.volume > 0:
            with self._changed:
                self._waiting = (time.monotonic(), notice)
                self._changed.notify()
        elif notice.state is NoticeState.OFF and self._waiting is not None:
            with self._changed:
                self._waiting = None

    def close(self) -> None:
        """Stop speaking, and end the thread within its deadline."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        self._player.stop()
        self._thread.join(_STOP_S)

    def _run(self) -> None:
        """Prepare the clips, try the loudspeaker without a sound, then speak what comes."""
        try:
            with tempfile.TemporaryDirectory(prefix="voice-", dir=self._parent) as name:
                folder = Path(name)
                clips = self._prepare(folder)
                self._play(_trial(next(iter(clips.values()))), folder / "trial.wav")
                while (notice := self._next()) is not None:
                    clip = clips.get(notice.state)
                    if clip is not None:
                        self._play(louder(clip, notice.volume), folder / "notice.wav")
        except OSError as error:
            self._report(f"cannot speak: {error}")

    def _play(self, clip: Clip, path: Path) -> None:
        try:
            write(clip, path)
            self._player.play(path, length_s=clip.length_s)
            self._report("")
        except OSError as error:
            self._report(f"cannot be heard: {error}")

    def _next(self) -> Notice | None:
        """Wait for a notice that has not waited too long; None when the voice is closed."""
        with self._changed:
            while True:
                self._changed.wait_for(lambda: self._stopped or self._waiting is not None)
                if self._stopped:
                    return None
                asked, self._waiting = self._waiting, None
                if asked is not None and time.monotonic() - asked[0] <= _STALE_S:
                    return asked[1]


def _trial(clip: Clip) -> Clip:
    """Return a moment of silence in the format of a clip: a program that can play it can play the clip."""
    return silence(_TRIAL_S, clip.rate_hz, clip.samples.shape[1])
