"""List your own photographs for training: write crops.jsonl for a folder with one subfolder for each way of wearing.

python -m models.train.own PICTURES/crops_own
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

WAYS = {
    "correct": "with_mask",
    "bare": "without_mask",
    "under_nose": "incorrect_mask",
    "chin": "incorrect_mask",
    "forehead": "incorrect_mask",
    "one_ear": "incorrect_mask",
}
"""The label of each subfolder."""
_IMAGES = {".jpg", ".jpeg", ".png"}


def rows(folder: Path) -> list[dict[str, str]]:
    """Return a row for each photograph in FOLDER/WAY, and in folders below it, in the order of their names.

    Raises:
        ValueError: a subfolder is no way of wearing, or there is no photograph.
    """
    unknown = sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name not in WAYS)
    if unknown:
        raise ValueError(f"{folder / unknown[0]}: is none of {', '.join(WAYS)}; fix: rename or move the folder")
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _IMAGES)
    found = [path.relative_to(folder) for path in files]
    if not found:
        raise ValueError(f"{folder}: has no photographs in {', '.join(WAYS)}")
    return [{"file": path.as_posix(), "label": WAYS[path.parts[0]]} for path in found if path.parts[0] in WAYS]


def main() -> None:
    """Write the listing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    try:
        listed = rows(folder)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    (folder / "crops.jsonl").write_text("".join(json.dumps(row) + "\n" for row in listed), "utf-8")


if __name__ == "__main__":
    main()
