"""Faces drawn from the reference profile that ships, and moved by bins: for tests of drift."""

from __future__ import annotations

import numpy as np

from edge import paths
from edge.monitor.drift.monitor import DriftMonitor
from edge.monitor.drift.quantities import EDGES, QUANTITIES
from edge.monitor.drift.reference import read_reference
from edge.monitor.drift.windows import Windows
from edge.tflite import read_spec

MASK = paths.models() / "mask"
SPEC = read_spec(MASK)
REFERENCE = read_reference(MASK, SPEC.sha256)
assert REFERENCE is not None
DETECTOR = REFERENCE.detector


def drawn(faces: int, seed: int = 0, **moved: float):
    """Return observations drawn from the reference's own histograms; `moved`: bins by which a quantity is moved."""
    rng = np.random.default_rng(seed)
    columns = []
    for name in QUANTITIES:
        counts = REFERENCE.histogram(name)
        bins = rng.choice(len(counts), faces, p=counts / counts.sum()) + round(moved.get(name, 0))
        middles = [EDGES[name][0] - 0.5, *((a + b) / 2 for a, b in zip(EDGES[name], EDGES[name][1:], strict=False))]
        columns.append(np.array([*middles, EDGES[name][-1] + 0.5])[np.clip(bins, 0, len(counts) - 1)])
    return np.stack(columns, 1).astype(np.float32)


def fed(windows: Windows, values, hour: int = 9) -> list[tuple[str, ...]]:
    """Return the causes after each window that became full."""
    groups = [values[at : at + 10] for at in range(0, len(values), 10)]
    return [windows.causes for group in groups if windows.add(group, hour)]


def settle(watcher: DriftMonitor, values) -> None:
    """Add observations as if people had passed."""
    for at in range(0, len(values), 10):
        if watcher.windows.add(values[at : at + 10], 9):
            watcher._closed(watcher.windows)


def drift_report(faces: int, darker: int = 0, persist_s: float = 0.0) -> dict:
    """Return what is published after this many usual faces, and then so many in poor light."""
    watcher = DriftMonitor(REFERENCE, DETECTOR, persist_s=persist_s, hour=lambda: 9)
    settle(watcher, drawn(faces))
    settle(watcher, drawn(darker, 1, brightness=-4))
    return watcher.report()
