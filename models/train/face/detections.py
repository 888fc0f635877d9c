"""Write the faces that a model folder finds in labelled scenes as JSON lines, input of a scorer.

    python -m models.train.face.detections models/face/live SCENES OUT.jsonl [--min-score 0.05]

The product's detector is used. One line per image:
{"source", "faces": [{"box": [x1, y1, x2, y2], "score", "label": "unsure"}]}, pixels of the image.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.data import Frame
from edge.detect.centerface import CenterFace
from edge.tflite import Model
from models.train.face.images import read_bgr, scene_files

if TYPE_CHECKING:
    from edge.data import Faces


def found(detector: CenterFace, path: Path) -> Faces:
    """Return the faces in an image file."""
    return detector.detect(Frame(read_bgr(path), seq=0, at=0.0, read_at=0.0))


def line(path: Path, faces: Faces) -> str:
    """Return the JSON line of an image."""
    rows: list[dict[str, Any]] = [
        {"box": box, "score": score, "label": "unsure"}
        for box, score in zip(faces.boxes.tolist(), faces.scores.tolist(), strict=True)
    ]
    return json.dumps({"source": str(path), "faces": rows}) + "\n"


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="model folder")
    parser.add_argument("scenes", type=Path, help="folder with boxes.jsonl")
    parser.add_argument("out", type=Path)
    parser.add_argument("--min-score", type=float, help="overrides that of model.toml")
    args = parser.parse_args()
    detector = CenterFace(Model(args.model), min_score=args.min_score)
    lines = [line(path, found(detector, path)) for path in scene_files(args.scenes)]
    args.out.write_text("".join(lines), "utf-8")


if __name__ == "__main__":
    main()
