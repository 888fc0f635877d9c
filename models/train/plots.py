"""The coverage curve of the card, and histograms of the training data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def coverage_png(path: Path, curve: list[tuple[float, float, float]], chosen: float) -> None:
    """Draw coverage and error against the threshold of confidence."""
    figure, axes = _figure(1)
    threshold, covered, error = zip(*curve, strict=True)
    axes[0].plot(threshold, covered, color="#0072b2", label="share classified")
    axes[0].plot(threshold, [10 * e for e in error], color="#d55e00", label="error among those classified, times 10")
    axes[0].axvline(chosen, color="#999999", linewidth=1)
    axes[0].set(
        xlabel="threshold of confidence", ylim=(0, 1.02), title="Cost and benefit of `unsure` (left-out sources)"
    )
    axes[0].legend()
    _save(figure, path)


def histograms_png(path: Path, samples: dict[str, Any], name: str, limits: tuple[float, float]) -> None:
    """Draw one outline histogram per source, each normalised."""
    figure, axes = _figure(1)
    for source, values in samples.items():
        if len(values):
            axes[0].hist(
                values, bins=40, range=limits, density=True, histtype="step", label=f"{source} ({len(values)})"
            )
    axes[0].set(xlabel=name, ylabel="share")
    axes[0].legend(fontsize=7)
    _save(figure, path)


def _figure(columns: int) -> tuple[Any, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5 * columns, 4), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(1, columns, squeeze=False)[0]


def _save(figure: Any, path: Path) -> None:  # noqa: ANN401 - matplotlib is imported late
    figure.savefig(path, dpi=90, metadata={"Software": None})
