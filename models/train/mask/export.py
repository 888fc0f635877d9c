"""Export a trained mask network to full-integer int8 TFLite, and to float32 for comparison.

    python -m models.train.mask.export WORK [--name shipped] --out FOLDER

Reads WORK/nets/NAME.pt, and the shift of the third logit from WORK/leave_one_out.json.
Writes FOLDER/model.tflite and WORK/float/NAME/{model.tflite,model.toml}. int8 input 0..255 RGB, float32 logits out.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from models.train.mask.batches import pool
from models.train.mask.equalise import equalise
from models.train.mask.spec import Tables, write_spec
from models.train.mask.train import load_net
from models.train.saved_model import saved_model
from models.train.store import as_served

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from models.train.mask.network import MaskNet

    Image = NDArray[np.uint8]

_SAMPLES = 400


def shifted(net: MaskNet, shift: float) -> None:
    """Subtract `shift` from the logit of `incorrect_mask` (see `confidence.rare_shift`)."""
    last = net.head[-1]
    last.bias.data[2] -= shift


def calibration(work: Path, size_px: int, seed: int = 1) -> list[Image]:
    """Return BGR crops, uint8 (S, S, 3), sampled from the training pool, as the product would crop them."""
    source = pool(work)
    rows = np.random.default_rng(seed).choice(len(source.faces), _SAMPLES, p=source.weights, replace=False)
    return [as_served(source.faces.crops[row], size_px) for row in rows]


def to_tflite(net: MaskNet, images: list[Image] | None) -> bytes:
    """Return the network as TFLite: int8 calibrated on BGR `images`, or float32 where None."""
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as scratch:
        network = Path(scratch) / "mask.onnx"
        _write_onnx(net, network)
        converter = tf.lite.TFLiteConverter.from_saved_model(str(saved_model(network)))
        if images is not None:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.representative_dataset = _samples(images)
            converter.inference_input_type = tf.int8
        content: bytes = converter.convert()
        return content


def _samples(images: list[Image]) -> Callable[[], Iterator[list[NDArray[np.float32]]]]:
    """Return BGR images as the converter takes them, in RGB; black and white first, to make the input range 0..255."""

    def samples() -> Iterator[list[NDArray[np.float32]]]:
        extremes = np.zeros_like(images[0])
        extremes[::2] = 255
        for image in [extremes, *images]:
            yield [image[None, ..., ::-1].astype(np.float32)]

    return samples


def _write_onnx(net: MaskNet, path: Path) -> None:
    size = net.plan.size_px
    torch.onnx.export(
        _Mapped(net),
        (torch.zeros(1, 3, size, size),),
        str(path),
        input_names=["image"],
        output_names=["logits"],
        opset_version=17,
        dynamo=False,
    )


class _Mapped(torch.nn.Module):
    """The network without the final flattening: logits (1, 3, 1, 1)."""

    def __init__(self, net: MaskNet) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(net.stem, net.blocks, net.head).to(memory_format=torch.contiguous_format)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mapped: torch.Tensor = self.layers(x)
        return mapped


def write_folder(folder: Path, content: bytes) -> None:
    """Write FOLDER/model.tflite and a preliminary FOLDER/model.toml, which `card` completes."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.tflite").write_bytes(content)
    write_spec(folder, Tables())


def main() -> None:
    """Export one network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--name", default="shipped")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    net = load_net(args.work / "nets" / f"{args.name}.pt")
    shifted(net, json.loads((args.work / "leave_one_out.json").read_text("utf-8"))["shift"])
    write_folder(args.work / "float" / args.name, to_tflite(net, None))
    images = calibration(args.work, net.plan.size_px)
    equalise(net, images)
    write_folder(args.out, to_tflite(net, images))


if __name__ == "__main__":
    main()
