"""The mask classifier: a small network that sees one cut face at a time, and the rule for `unsure`."""

from __future__ import annotations

from dataclasses import replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from edge.boxes import shorter_sides
from edge.crop import crop_face
from edge.data import CLASSES, Mask, Verdicts
from edge.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from edge.data import Floats, Frame, Image
    from edge.tflite import Inference, ModelSpec

_NO_FACE = "no_face"
"""The label of the output that rejects, and its threshold, in model.toml."""


class MaskClassifier:
    """Classifier for models whose model.toml has `decoder = "logits"`.

    They have a logit for each of `CLASSES`, and may have one more: that of what is no face.
    """

    def __init__(self, model: Inference) -> None:
        """Take the crop, the temperature and the thresholds of `unsure` and `no_face` from model.toml.

        Raises:
            ModelError: the labels in model.toml are others, or not as many as the model's outputs.
        """
        _check_labels(model.spec)
        self._model = model
        self._thresholds = model.spec.thresholds
        self._no_face = self._thresholds.get(_NO_FACE, 1.0)

    def classify(self, frame: Frame, boxes: Floats, mirrored: Sequence[bool] = ()) -> Verdicts:
        """Return one verdict for each float32 (N, 4) box in pixels of `frame.image`.

        mirrored: for each box whether its mirror image is classified; of the same face, it gets other errors.
        """
        if not len(boxes):
            return Verdicts.none()
        crops = [self.crop(frame.image, box) for box in boxes]
        crops = [_mirror_image(crop) if turn else crop for crop, turn in zip_longest(crops, mirrored)]
        logits = np.stack([self.logits(crop) for crop in crops]) / self._model.spec.temperature
        probabilities = softmax(logits[:, : len(CLASSES)])
        appearance = np.array([appearance_of(crop) for crop in crops], np.float32)
        legible = self._legible(appearance, shorter_sides(boxes)).tolist()
        rejected = frozenset(np.flatnonzero(no_face(logits, self._no_face) & legible).tolist())
        sure = [ok and row not in rejected for row, ok in enumerate(legible)]
        masks = label(probabilities, sure, self._thresholds["confidence"])
        return Verdicts(probabilities, masks, rejected, appearance)

    def crop(self, image: Image, box: Floats) -> Image:
        """Return the crop of one face as the model gets it, uint8 (S, S, 3) BGR."""
        seen = self._model.spec.input
        return crop_face(image, box, size_px=self._model.size_px[0], margin=seen.crop_margin, shift=seen.crop_shift)

    def logits(self, crop: Image) -> Floats:
        """Return float32 (3,) or (4,), in the order of the labels in model.toml, for one cropped face."""
        return self._model.run(crop)[0].reshape(-1)

    def _legible(self, appearance: Floats, sides_px: Floats) -> NDArray[np.bool_]:
        """Return for each face whether it is large, bright and sharp enough to be classified at all."""
        least = self._thresholds
        bright, sharp = appearance[:, 0] >= least["brightness"], appearance[:, 1] >= least["contrast"]
        legible: NDArray[np.bool_] = bright & sharp & (sides_px >= least["face_px"])
        return legible


def appearance_of(crop: Image) -> tuple[float, float, float, float]:
    """Return the columns of `Verdicts.appearance` of one crop, uint8 (S, S, 3) BGR."""
    grey = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)
    brightness, *_ = cv2.mean(grey)  # type: ignore[misc]  # four, whatever the number of channels
    blue, green, red, _ = cv2.mean(crop)  # type: ignore[misc]
    total = max(blue + green + red, 1.0)
    return brightness, contrast(grey), (red - blue) / total, (2 * green - red - blue) / total


def _mirror_image(crop: Image) -> Image:
    return cv2.flip(crop, 1)  # type: ignore[return-value]


def unsure_below(verdicts: Verdicts, scores: Floats, bare: float) -> Verdicts:
    """Return verdicts in which what has no mask is unsure where the detector's score is below `bare`."""
    masks = (
        Mask.UNSURE if mask is Mask.WITHOUT_MASK and score < bare else mask
        for mask, score in zip(verdicts.masks, scores.tolist(), strict=True)
    )
    return replace(verdicts, masks=tuple(masks))


def no_face(logits: Floats, threshold: float) -> NDArray[np.bool_]:
    """Return for float32 (N, C) logits whether the fourth is at least `threshold` probable; never where C is 3."""
    probability: Floats = softmax(logits)[:, len(CLASSES) :].sum(1)
    return probability >= threshold


def _check_labels(spec: ModelSpec) -> None:
    classes = tuple(mask.value for mask in CLASSES)
    if spec.labels not in {classes, (*classes, _NO_FACE)} or spec.output[0].shape[-1] != len(spec.labels):
        raise ModelError(
            f"model {spec.name}: labels is {', '.join(spec.labels) or 'empty'}, for outputs {spec.output[0].shape}; "
            f"model.toml must name one for each output: {', '.join(classes)}, and maybe {_NO_FACE}"
        )
    if _NO_FACE in spec.labels and not 0 < spec.thresholds.get(_NO_FACE, 0) <= 1:
        raise ModelError(f"model {spec.name}: thresholds.{_NO_FACE} must be above 0 and at most 1, since it is a label")


def contrast(grey: NDArray[Any]) -> float:
    """Return the standard deviation of a Laplacian, grey levels: low where a face is blurred or without light.

    Source: Pech-Pacheco et al., Diatom autofocusing in brightfield microscopy, 2000 (variance of Laplacian).
    """
    _mean, deviation = cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S))
    return float(deviation[0, 0])


def softmax(logits: Floats) -> Floats:
    """Return float32 (N, C) probabilities of (N, C) logits."""
    powers = np.exp(logits - logits.max(1, keepdims=True))
    result: Floats = (powers / powers.sum(1, keepdims=True)).astype(np.float32)
    return result


def label(probabilities: Floats, legible: list[bool], min_confidence: float) -> tuple[Mask, ...]:
    """Return the most probable class of each row, `UNSURE` where illegible or below `min_confidence`."""
    sure = (probabilities.max(1) >= min_confidence) & np.array(legible, bool)
    return tuple(CLASSES[best] if ok else Mask.UNSURE for best, ok in zip(probabilities.argmax(1), sure, strict=True))
