"""What is told of the process: statistics, the line of state, and the problems that want somebody's hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge.capture import CameraState
from edge.monitor.host import rss_bytes, temperature_c, uptime_s
from edge.monitor.lens import Lens

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.capture import WatchedSource
    from edge.monitor.lens import LensHealth
    from edge.monitor.timings import Vitals
    from edge.publish.outbox import Outbox
    from edge.tflite import ModelSpec


@dataclass(frozen=True, slots=True)
class StatusReport:
    """The parts of a watch that have something to tell."""

    source: WatchedSource
    vitals: Vitals
    lens: LensHealth
    outbox: Outbox
    model: ModelSpec
    settings_problem: Callable[[], str]
    notice_problem: Callable[[], str] = str

    def stats(self) -> dict[str, Any]:
        """Return what `stats` says of machine, camera and walk."""
        body: dict[str, Any] = {"frames": self.vitals.frames, "fps_hz": round(self.vitals.fps_hz, 2)}
        body["latency_ms"] = round(self.vitals.latency_ms, 1)
        body |= {"temperature_c": temperature_c(), "rss_bytes": rss_bytes(), "uptime_s": uptime_s()}
        return body | {"camera": self.source.state.value, **self.source.counts}

    def problems(self) -> dict[str, str]:
        """Return what is wrong by name, "STATE: DETAIL"; empty where all is well."""
        fine = ("disk", "memory", "opening")
        return {
            "camera": self._camera(),
            "lens": "" if self.lens.state is Lens.OK else self.lens.state.value,
            "settings": self.settings_problem(),
            "notice": self.notice_problem(),
            "outbox": "" if self.outbox.state in fine else self.outbox.state,
        }

    def status(self, broker: str) -> str:
        """Return the line of state that viewers and systemd show."""
        parts = [f"{self.vitals.fps_hz:.1f} fps", f"{self.vitals.latency_ms:.0f} ms", f"broker {broker}"]
        wrong = [f"{name} {text.partition(':')[0]}" for name, text in self.problems().items() if text]
        return "   ".join([*parts, f"model {self.model.name}", *wrong])

    def _camera(self) -> str:
        if self.source.state in (CameraState.OK, CameraState.OPENING):
            return ""
        return f"{self.source.state.value}: {self.source.detail}"
