"""List every image with source, licence, hash and labels; refuse damaged files; find near duplicates by hash.

    python -m models.train.manifest PICTURES WORK

Writes WORK/manifest.jsonl, one line per image; "refused" is why an image is not used, "twin" its near duplicate.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from rich.progress import track

from models.train.sources import SOURCES, LabelledImage, Source, labelled_images
from models.train.stamp import fresh, sha256, stamp

if TYPE_CHECKING:
    from numpy.typing import NDArray

log = logging.getLogger(__name__)

_MAX_BITS = 4
"""Images whose 64-bit hashes differ in at most this many bits are near duplicates."""
_MIN_SIDE_PX = 24


def line_of(root: Path, source: Source, entry: LabelledImage) -> dict[str, Any]:
    """Return the line of one image."""
    path = root / source.name / entry.file
    line: dict[str, Any] = {
        "source": source.name,
        "file": entry.file,
        "licence": source.licence,
        "role": source.role.value,
        "labels": dict(Counter([b[4] for b in entry.boxes] or [entry.label])),
    }
    image = cv2.imread(str(path)) if path.exists() else None
    if image is None:
        return line | {"refused": "missing or unreadable"}
    height, width = image.shape[:2]
    line |= {
        "sha256": sha256(path),
        "width": width,
        "height": height,
        "brightness": round(float(image.mean()), 1),
        "dhash": f"{dhash(np.asarray(image, np.uint8)):016x}",
    }
    return line | {"refused": "too small"} if min(height, width) < _MIN_SIDE_PX else line


def dhash(image: NDArray[np.uint8]) -> int:
    """Return the 64-bit difference hash: whether each of 8 x 9 shrunken pixels is brighter than its right neighbour.

    Source: Krawetz, Kind of like that, The Hacker Factor blog, 2013.
    """
    grey = cv2.resize(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), (9, 8), interpolation=cv2.INTER_AREA).astype(np.int16)
    bits = (grey[:, :-1] > grey[:, 1:]).ravel()
    return int("".join("1" if bit else "0" for bit in bits), 2)


def twins(hashes: list[int]) -> dict[int, int]:
    """Return position -> position of the nearest earlier hash, for every hash within `_MAX_BITS` of one."""
    words = np.array(hashes, np.uint64)
    found = {}
    for place in range(1, len(words)):
        apart = np.bitwise_count(words[:place] ^ words[place])
        nearest = int(apart.argmin())
        if apart[nearest] <= _MAX_BITS:
            found[place] = nearest
    return found


def manifest(root: Path) -> list[dict[str, Any]]:
    """Return the lines of all sources that exist in `root`."""
    lines = []
    for source in SOURCES:
        if (root / source.name / source.listing).exists():
            listing = list(labelled_images(root, source))
            lines += [line_of(root, source, entry) for entry in track(listing, source.name)]
    usable = [line for line in lines if "dhash" in line]
    for place, earlier in twins([int(line["dhash"], 16) for line in usable]).items():
        usable[place]["twin"] = f"{usable[earlier]['source']}/{usable[earlier]['file']}"
    return lines


def main() -> None:
    """Write the manifest."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("work", type=Path)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    target = args.work / "manifest.jsonl"
    listings = [args.pictures / s.name / s.listing for s in SOURCES if (args.pictures / s.name / s.listing).exists()]
    if not listings:
        parser.error(f"{args.pictures}: has none of {', '.join(s.name for s in SOURCES)}")
    if fresh(target, listings, _MAX_BITS):
        return
    lines = manifest(args.pictures)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    stamp(target, listings, _MAX_BITS)
    log.info(
        "%d images, %d refused, %d near duplicates",
        len(lines),
        sum("refused" in x for x in lines),
        sum("twin" in x for x in lines),
    )


if __name__ == "__main__":
    main()
