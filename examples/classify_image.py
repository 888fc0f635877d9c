"""Classify the faces of images.

python examples/classify_image.py photo.jpg other.jpg
"""

import sys

import edge


def main(paths: list[str]) -> None:
    """Print one line per face: the verdict, its confidence, and the box in pixels."""
    models = edge.load_models()
    for path in paths:
        for face in edge.classify(path, models):
            x1, y1, x2, y2 = face.box
            print(f"{path}: {face.mask.value} {face.confidence:.2f} at {x1:.0f},{y1:.0f} to {x2:.0f},{y2:.0f}")


if __name__ == "__main__":
    main(sys.argv[1:])
