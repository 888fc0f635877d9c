"""What the process reports of itself: statistics, the status line, and the problems that need attention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge.monitor.host import rss_bytes, temperature_c, uptime_s

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from edge.monitor.timings import Vitals


@dataclass(frozen=True, slots=True)
class StatusReport:
    """Collects what the parts of a run report.

    model: the name of the mask classifier.
    checks: by name of the problem, what returns it as "STATE: DETAIL", empty while there is none.
    counters: returns what else belongs to the statistics, by key.
    """

    vitals: Vitals
    model: str
    checks: Mapping[str, Callable[[], str]]
    counters: Callable[[], Mapping[str, Any]]

    def stats(self) -> dict[str, Any]:
        """Return the statistics of machine, camera and pipeline."""
        body: dict[str, Any] = {"frames": self.vitals.frames, "fps_hz": round(self.vitals.fps_hz, 2)}
        body["latency_ms"] = round(self.vitals.latency_ms, 1)
        body |= {"temperature_c": temperature_c(), "rss_bytes": rss_bytes(), "uptime_s": uptime_s()}
        return body | dict(self.counters())

    def problems(self) -> dict[str, str]:
        """Return the problems by name, "STATE: DETAIL"; empty where there is none."""
        return {name: check() for name, check in self.checks.items()}

    def line(self, broker: str, problems: Mapping[str, str]) -> str:
        """Return the status line for viewers and systemd.

        broker: the state of the connection, which has its own place in the line.  problems: all of them, by name.
        """
        parts = [f"{self.vitals.fps_hz:.1f} fps", f"{self.vitals.latency_ms:.0f} ms", f"broker {broker}"]
        wrong = [f"{name} {text.partition(':')[0]}" for name, text in problems.items() if text and name != "broker"]
        return " · ".join([*parts, f"model {self.model}", *wrong])
