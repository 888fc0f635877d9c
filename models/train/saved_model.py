"""An ONNX network as a TensorFlow saved model, from which TFLite is made."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

_DUMMY = "calibration_image_sample_data_20x128x128x3_float32.npy"
"""onnx2tf downloads a file of this name unless the working folder has one."""


def saved_model(network: Path) -> Path:
    """Return the folder of the saved model made from an ONNX file; it is written next to that file."""
    import onnx2tf

    folder = network.parent
    np.save(folder / _DUMMY, np.zeros((20, 128, 128, 3), np.float32))
    with contextlib.chdir(folder):
        onnx2tf.convert(
            input_onnx_file_path=network.name,
            output_folder_path="saved",
            output_signaturedefs=True,
            non_verbose=True,
        )
    return folder / "saved"
