"""Write the golden outputs of a face model: the faces that it found in the built-in demo on the day that it was made.

    python -m models.train.face.golden models/face/live

Writes FOLDER/golden.json: by second of the demo, boxes in pixels (x1, y1, x2, y2) and scores.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from edge.capture.demo import DemoCamera
from edge.data import Frame
from edge.stages import load_detector

_SECONDS = (4.0, 11.0, 15.0, 20.0, 27.0)


def write_golden(folder: Path) -> None:
    """Write FOLDER/golden.json."""
    camera = DemoCamera()
    detector, _ = load_detector(folder)
    found = {}
    for second in _SECONDS:
        faces = detector.detect(Frame(camera.scene(second), 0, at=second, read_at=0.0))
        found[str(second)] = {
            "boxes": faces.boxes.astype(float).round(2).tolist(),
            "scores": faces.scores.astype(float).round(4).tolist(),
        }
    (folder / "golden.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def main() -> None:
    """Write the golden file of one model folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    write_golden(parser.parse_args().folder)


if __name__ == "__main__":
    main()
