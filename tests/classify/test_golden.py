"""The mask model gives the answers that it gave when it was made, whatever runtime and processor."""

from __future__ import annotations

import numpy as np

from edge import paths
from edge.tflite import Model

_MARGIN = 0.5
"""Logits apart: runtimes differ by up to 0.31 (measured over 400 faces), so closer calls may go either way."""


def test_the_answers_to_thirty_cut_faces_are_those_of_the_day_it_was_made():
    golden = np.load(paths.models() / "mask" / "golden.npz")
    model = Model(paths.models() / "mask")
    logits = np.stack([model.run(image)[0].reshape(-1) for image in golden["images"]])
    ranked = np.sort(golden["logits"], axis=1)
    clear = ranked[:, -1] - ranked[:, -2] > _MARGIN
    assert clear.sum() >= 20
    assert (logits.argmax(1) == golden["logits"].argmax(1))[clear].all()
    assert np.abs(logits - golden["logits"]).max() < _MARGIN
