"""Export a trained mask network to full-integer int8 TFLite (and float32 beside it, for comparison).

    python -m models.train.export WORK [--name shipped] --out FOLDER

Reads WORK/nets/NAME.pt and, from WORK/loso.json, how far to shift the third logit.
Writes FOLDER/model.tflite and WORK/float/NAME/{model.tflite,model.toml}. int8 input 0..255 RGB, float32 logits out.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from models.train.batches import pool
from models.train.card import Tables, write_spec
from models.train.equalise import equalise
from models.train.mask import load_net
from models.train.store import as_served

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from models.train.network import MaskNet

    Image = NDArray[np.uint8]

_SAMPLES = 400
_DUMMY = "calibration_image_sample_data_20x128x128x3_float32.npy"
"""onnx2tf downloads a file of this name unless it lies in the working folder."""


def shifted(net: MaskNet, shift: float) -> None:
    """Take `shift` off the logit of `incorrect_mask` (see `confidence.rare_shift`)."""
    last = net.head[-1]
    last.bias.data[2] -= shift


def calibration(work: Path, size_px: int, seed: int = 1) -> list[Image]:
    """Return BGR crops, uint8 (S, S, 3), drawn from the training pool as the product would cut them."""
    source = pool(work)
    rows = np.random.default_rng(seed).choice(len(source.faces), _SAMPLES, p=source.weights, replace=False)
    return [as_served(source.faces.crops[row], size_px) for row in rows]


def to_tflite(net: MaskNet, pictures: list[Image] | None) -> bytes:
    """Return the network as TFLite: int8 calibrated on BGR `pictures`, or float32 where None."""
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as scratch:
        saved_model = _saved_model(net, Path(scratch))
        converter = tf.lite.TFLiteConverter.from_saved_model(str(saved_model))
        if pictures is not None:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.representative_dataset = _samples(pictures)
            converter.inference_input_type = tf.int8
        content: bytes = converter.convert()
        return content


def _samples(pictures: list[Image]) -> Callable[[], Iterator[list[NDArray[np.float32]]]]:
    """Return BGR pictures as the converter wants them, in RGB; black and white first, so that input is 0..255."""

    def samples() -> Iterator[list[NDArray[np.float32]]]:
        extremes = np.zeros_like(pictures[0])
        extremes[::2] = 255
        for picture in [extremes, *pictures]:
            yield [picture[None, ..., ::-1].astype(np.float32)]

    return samples


def _saved_model(net: MaskNet, scratch: Path) -> Path:
    """Return the folder of a TensorFlow model made from the network by way of ONNX."""
    import onnx2tf

    size = net.plan.size_px
    torch.onnx.export(
        _Mapped(net),
        (torch.zeros(1, 3, size, size),),
        str(scratch / "mask.onnx"),
        input_names=["image"],
        output_names=["logits"],
        opset_version=17,
        dynamo=False,
    )
    np.save(scratch / _DUMMY, np.zeros((20, 128, 128, 3), np.float32))
    with contextlib.chdir(scratch):
        onnx2tf.convert(
            input_onnx_file_path="mask.onnx", output_folder_path="saved", output_signaturedefs=True, non_verbose=True
        )
    return scratch / "saved"


class _Mapped(torch.nn.Module):
    """The network without its last flattening: logits (1, 3, 1, 1)."""

    def __init__(self, net: MaskNet) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(net.stem, net.blocks, net.head).to(memory_format=torch.contiguous_format)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mapped: torch.Tensor = self.layers(x)
        return mapped


def tensors(content: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what the interpreter says of the input and the output of a TFLite model."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    return interpreter.get_input_details()[0], interpreter.get_output_details()[0]


def write_folder(folder: Path, content: bytes) -> None:
    """Write FOLDER/model.tflite and a first FOLDER/model.toml, to be completed by `card`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.tflite").write_bytes(content)
    write_spec(folder, hashlib.sha256(content).hexdigest(), *tensors(content), Tables())


def main() -> None:
    """Export one network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--name", default="shipped")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    net = load_net(args.work / "nets" / f"{args.name}.pt")
    shifted(net, json.loads((args.work / "loso.json").read_text("utf-8"))["shift"])
    write_folder(args.work / "float" / args.name, to_tflite(net, None))
    pictures = calibration(args.work, net.plan.size_px)
    equalise(net, pictures)
    write_folder(args.out, to_tflite(net, pictures))


if __name__ == "__main__":
    main()
