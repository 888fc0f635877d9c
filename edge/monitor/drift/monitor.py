"""The sink that watches for drift: one observation of each person, and what the windows make of them."""

from __future__ import annotations

import logging
import math
import time
from typing import TYPE_CHECKING, Any

from edge.monitor.drift.quantities import observations
from edge.monitor.drift.state import restore, save
from edge.monitor.drift.windows import Windows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edge.data import Image, Scene
    from edge.monitor.drift.estimate import Estimate
    from edge.monitor.drift.reference import Reference
    from edge.monitor.drift.windows import Moved

log = logging.getLogger(__name__)

NO_REFERENCE, LEARNING, OK, DRIFT = "no_reference", "learning", "ok", "drift"
STATES = (NO_REFERENCE, LEARNING, OK, DRIFT)
_SAVED_S = 3600.0
_SETTLED_S = 1.0
"""A person is observed at the first verdict after this time: what is gone sooner is mostly no face."""


class DriftMonitor:
    """Sink that observes each person once.

    The faces of one person in successive frames are alike: a window of 150 such rows would hold four or five people,
    and every window would differ from every other. So each track gives one row, at its first verdict after a second.
    """

    def __init__(
        self,
        reference: Reference | None,
        detector: str,
        *,
        persist_s: float,
        hour: Callable[[], int],
        path: Path | None = None,
        paint: Callable[[Image], None] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start with nothing seen.

        reference: None: there is none, and nothing is observed.  detector: sha256 of the face model in force.
        persist_s: how long drift must last to be a problem.  hour: returns the hour of day, 0 to 23.
        path: where what is learned is kept, written at most once an hour and at the end; None: nowhere.
        paint: paints the privacy zones over an image.
        """
        self.windows = Windows(reference, detector) if reference else None
        self._hour, self._persist_s, self._paint = hour, persist_s, paint
        self._observed: frozenset[int] = frozenset()
        self._since: float | None = None
        self._path, self._monotonic = path, monotonic
        self._saved_at = monotonic()
        if self.windows and path:
            restore(path, self.windows)

    def close(self) -> None:
        """Keep what was learned."""
        self._save()

    def put(self, scene: Scene) -> None:
        """Observe the people whose first verdict after a second this scene brings."""
        if self.windows is None or scene.frame is None:
            return
        if not scene.classified:
            return
        rows = [row for row, place in enumerate(scene.classified) if self._is_new(scene, place)]
        if rows:
            self._observe(scene, rows)

    @property
    def state(self) -> str:
        """One of STATES."""
        if self.windows is None:
            return NO_REFERENCE
        if self.windows.causes:
            return DRIFT
        return OK if self.windows.baseline.learned else LEARNING

    @property
    def problem(self) -> str:
        """Return "drift: CAUSES" once drift has lasted for long enough, else ""."""
        if self.windows is None or not self._persists:
            return ""
        return f"{DRIFT}: {', '.join(self.windows.causes)}"

    @property
    def _persists(self) -> bool:
        return self._since is not None and self._monotonic() - self._since >= self._persist_s

    def stats(self) -> dict[str, Any]:
        """Return the statistics: the state, windows, the largest distance in units of its limit, and the accuracy."""
        if self.windows is None or not self.windows.history:
            return {"state": self.state, "windows": 0, "distance": None, "accuracy": None}
        distance, accuracy = _history(*self.windows.history[-1])
        return {"state": self.state, "windows": self.windows.count, "distance": distance, "accuracy": accuracy}

    def report(self) -> dict[str, Any]:
        """Return what is published: the state, the causes, the distances, and the estimates."""
        windows = self.windows
        if windows is None:
            return {"state": self.state}
        sums, calibrated = windows.sums, windows.calibrated
        return {
            "state": self.state,
            "problem": self._persists,
            "causes": list(windows.causes),
            "unlike_reference": list(windows.unlike),
            "compared_with": "place" if windows.baseline.learned else "reference",
            "windows": windows.count,
            "window_faces": windows.reference.chunk,
            "accuracy": _rounded(calibrated.accuracy(sums)),
            "unmasked_precision": _rounded(calibrated.precision(sums)),
            "unmasked_recall": _rounded(calibrated.recall(sums)),
            "quantities": {name: _distances(moved) for name, moved in windows.moved.items()},
            "history": [_history(*each) for each in windows.history],
        }

    def _is_new(self, scene: Scene, place: int) -> bool:
        track = scene.tracks[place]
        return (
            track.face is not None
            and track.id not in self._observed
            and track.last_seen - track.first_seen >= _SETTLED_S
        )

    def _observe(self, scene: Scene, rows: list[int]) -> None:
        if scene.frame is None or self.windows is None:
            return
        tracks = [scene.tracks[scene.classified[row]] for row in rows]
        present = {track.id for track in scene.tracks}
        self._observed = (self._observed & present) | {track.id for track in tracks}
        faces = scene.faces.take([track.face for track in tracks if track.face is not None])
        values = observations(faces, scene.verdicts.take(rows), scene.frame.image, self._paint)
        if self.windows.add(values, self._hour()):
            self._closed(self.windows)

    def _closed(self, windows: Windows) -> None:
        """Remember since when there is drift, and log a change."""
        if windows.causes and self._since is None:
            self._since = self._monotonic()
            log.warning("drift: %s", ", ".join(windows.causes))
        elif not windows.causes and self._since is not None:
            self._since = None
            log.info("drift: none any more")
        if self._monotonic() - self._saved_at >= _SAVED_S:
            self._save()

    def _save(self) -> None:
        self._saved_at = self._monotonic()
        if self.windows and self._path:
            save(self._path, self.windows)


def _distances(moved: Moved) -> dict[str, float]:
    return {"psi": round(moved.psi, 4), "limit": round(moved.limit, 4), "distance": round(moved.ratio, 2)}


def _rounded(estimate: Estimate | None) -> dict[str, float] | None:
    if estimate is None:
        return None
    return {"estimate": round(estimate.share, 4), "low": round(estimate.low, 4), "high": round(estimate.high, 4)}


def _history(farthest: float, accuracy: float) -> list[float | None]:
    return [round(farthest, 2), None if math.isnan(accuracy) else round(accuracy, 4)]
