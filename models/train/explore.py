"""Write a report on the sources: sizes, brightness, labels and near duplicates, with contact sheets.

    python -m models.train.explore WORK

Reads the manifest, crops, leaks and drawings, writes WORK/explore/index.html and its images.
"""

from __future__ import annotations

import argparse
import html
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from models.train.plots import histograms_png
from models.train.sources import LABELS, SOURCES
from models.train.store import Faces

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Image = NDArray[np.uint8]

_COLUMNS = 16
_ROWS = 4
_TILE_PX = 72


def sheet(crops: NDArray[np.uint8], rng: np.random.Generator) -> Image:
    """Return a contact sheet of at most _COLUMNS * _ROWS random crops."""
    chosen = rng.permutation(len(crops))[: _COLUMNS * _ROWS]
    tiles = [cv2.resize(crops[i], (_TILE_PX, _TILE_PX), interpolation=cv2.INTER_AREA) for i in np.sort(chosen)]
    tiles += [np.full((_TILE_PX, _TILE_PX, 3), 255, np.uint8)] * (-len(tiles) % _COLUMNS)
    return np.asarray(np.vstack([np.hstack(tiles[i : i + _COLUMNS]) for i in range(0, len(tiles), _COLUMNS)]), np.uint8)


def sheets(work: Path, folder: Path) -> list[str]:
    """Write a contact sheet for each source and label, photographs and drawings; return their HTML."""
    rng = np.random.default_rng(1)
    parts = []
    for path in sorted([*(work / "crops").glob("*.npz"), *(work / "drawn").glob("*.npz")]):
        faces = Faces.load(path)
        for place, label in enumerate(LABELS):
            of = faces.crops[faces.labels == place]
            if len(of):
                name = f"{path.parent.name}-{path.stem}-{label}.png"
                cv2.imwrite(str(folder / name), sheet(of, rng))
                parts.append(f"<h3>{path.parent.name}, {path.stem}: {label} ({len(of)})</h3><img src='{name}'>")
    return parts


def counts(lines: list[dict[str, Any]], work: Path) -> str:
    """Return a table of each source: images, labels, refused images, near duplicates, stored faces."""
    rows = []
    for entry in SOURCES:
        own = [line for line in lines if line["source"] == entry.name]
        labels: Counter[str] = sum((Counter(line["labels"]) for line in own), Counter())
        path = work / "crops" / f"{entry.name}.npz"
        stored = len(Faces.load(path)) if path.exists() else 0
        cells = [
            entry.name,
            entry.role.value,
            entry.licence,
            len(own),
            *(labels[x] for x in LABELS),
            sum("refused" in x for x in own),
            sum("twin" in x for x in own),
            stored,
        ]
        rows.append("<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in cells) + "</tr>")
    head = ["source", "for", "licence", "images", *LABELS, "refused", "twins", "faces cropped"]
    return "<table border=1><tr>" + "".join(f"<th>{cell}</th>" for cell in head) + "</tr>" + "".join(rows) + "</table>"


def twins(lines: list[dict[str, Any]], leaks: dict[str, Any]) -> str:
    """Return the near duplicates found by hash, and the photographs that two sources share, found by their faces."""
    listed = "".join(f"<li>{x['source']}/{x['file']} ~ {x['twin']}</li>" for x in lines if "twin" in x)
    shared = "".join(f"<li>{names}: {len(hits)} faces</li>" for names, hits in leaks["pairs"].items())
    left_out = {name: len(rows) for name, rows in leaks["rows"].items()}
    return (
        f"<h2>Near duplicates</h2><ul>{listed}</ul><h2>Faces in two sources</h2><ul>{shared}</ul>"
        f"<p>Not trained on, since they are also in a test-only source: {left_out}</p>"
    )


def main() -> None:
    """Write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    work: Path = parser.parse_args().work
    folder = work / "explore"
    folder.mkdir(parents=True, exist_ok=True)
    lines = [json.loads(line) for line in (work / "manifest.jsonl").read_text("utf-8").splitlines()]
    leaks = json.loads((work / "leaks.json").read_text("utf-8"))
    sizes = {path.stem: Faces.load(path).face_px for path in sorted((work / "crops").glob("*.npz"))}
    light = {
        entry.name: np.array([x["brightness"] for x in lines if x["source"] == entry.name and "brightness" in x])
        for entry in SOURCES
        if any(x["source"] == entry.name for x in lines)
    }
    histograms_png(folder / "sizes.png", sizes, "shorter side of the face, px", limits=(0, 200))
    histograms_png(folder / "light.png", light, "mean brightness of the image", limits=(0, 255))
    body = [
        counts(lines, work),
        "<img src='sizes.png'><img src='light.png'>",
        twins(lines, leaks),
        *sheets(work, folder),
    ]
    (folder / "index.html").write_text(
        "<!doctype html><meta charset=utf-8><title>Training data</title>" + "\n".join(body), "utf-8"
    )


if __name__ == "__main__":
    main()
