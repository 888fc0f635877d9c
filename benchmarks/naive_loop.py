"""Compare frames per CPU second of the loop and of a tutorial's loop with the same two models, in one run.

    python -m benchmarks.naive_loop [VIDEO] [--frames N] [--rounds N] [--gate] [--json FILE]

Both get the same decoded frames, some at a time by turns, on one thread. The tutorial's loop copies each frame, shrinks
it by INTER_AREA, swaps its colours, normalises it to floats, decodes the whole map, classifies each face by itself in
each frame, draws everything and encodes a JPEG. The loop is that of `maskwatch run` with the profile `live`, without
viewers, and classifies whom it is time to classify.
"""

from __future__ import annotations

import argparse
import importlib
import json
import statistics
import time
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from benchmarks import scenes
from edge import paths, pipeline, tflite
from edge.capture.video import VideoSource
from edge.data import Faces, Frame, Scene
from edge.detect.gate import MotionGate
from edge.monitor.timings import Timings
from edge.settings.schema import Settings
from edge.stages import build_stages, models_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from edge.data import Floats, Image

_LABELS = ("mask", "no mask", "worn wrongly", "no face")
_STRIDE_PX = 4


class TutorialModel:
    """A TFLite model as tutorials run it."""

    def __init__(self, folder: Path) -> None:
        """Load FOLDER/model.tflite."""
        interpreter = importlib.import_module(tflite.runtime()).Interpreter
        self._interpreter = interpreter(model_path=str(folder / "model.tflite"), num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]
        self.size_px = (int(self._input["shape"][2]), int(self._input["shape"][1]))

    def outputs(self, image: Image) -> list[Floats]:
        """Return the outputs for an image of any size."""
        rgb = cv2.cvtColor(cv2.resize(image, self.size_px, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2RGB)
        normalised = rgb.astype(np.float32) / 255.0
        scale, zero_point = self._input["quantization"]
        quantised = np.round(normalised * 255.0 / scale + zero_point).astype(np.int8)
        self._interpreter.set_tensor(self._input["index"], np.expand_dims(quantised, 0))
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(detail["index"]) for detail in self._interpreter.get_output_details()]


class TutorialLoop:
    """Finds, classifies and draws all faces of each frame, and encodes the frame."""

    def __init__(self, face: Path, mask: Path) -> None:
        """Load both models."""
        self._face, self._mask = TutorialModel(face), TutorialModel(mask)
        self._threshold = tflite.read_spec(face).thresholds["score"]

    def step(self, frame: Frame) -> int:
        """Process one frame and return the number of faces."""
        image = frame.image.copy()
        heat, size, offset, _landmarks = (output[0] for output in self._face.outputs(image))
        rows, columns = np.mgrid[: heat.shape[0], : heat.shape[1]]
        sides = np.exp(size) * _STRIDE_PX
        centres = (np.dstack([rows, columns]) + offset + 0.5) * _STRIDE_PX
        scale = np.array([image.shape[1] / self._face.size_px[0], image.shape[0] / self._face.size_px[1]] * 2)
        corners = np.dstack([centres - sides / 2, centres + sides / 2])[:, :, [1, 0, 3, 2]] * scale
        found = heat[:, :, 0] >= self._threshold
        boxes = _suppressed(corners[found], heat[found, 0])
        for box in boxes:
            self._classified(image, box)
        cv2.putText(image, f"{len(boxes)} faces", (10, 30), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (255, 255, 255), 2)
        cv2.imencode(".jpg", image)
        return len(boxes)

    def _classified(self, image: Image, box: Floats) -> None:
        """Classify one face and draw the result."""
        x1, y1, x2, y2 = (max(0, int(value)) for value in box)
        face = image[y1:y2, x1:x2]
        if not face.size:
            return
        logits = self._mask.outputs(face)[0].reshape(-1)
        powers = np.exp(logits - logits.max())
        probabilities = powers / powers.sum()
        best = int(probabilities.argmax())
        cv2.rectangle(image, (x1, y1), (x2, y2), (0, 255, 0), 2)
        text = f"{_LABELS[best]}: {probabilities[best]:.0%}"
        cv2.putText(image, text, (x1, y1 - 10), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 255, 0), 2)


def _suppressed(boxes: Floats, scores: Floats, max_iou: float = 0.3) -> list[Floats]:
    """Return the boxes of which no two overlap by more than `max_iou`, one at a time."""
    kept: list[Floats] = []
    for row in np.argsort(-scores):
        if all(_overlap(boxes[row], other) <= max_iou for other in kept):
            kept.append(boxes[row])
    return kept


def _overlap(one: Floats, other: Floats) -> float:
    width = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    height = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    shared = width * height
    areas = (one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1])
    return float(shared / max(areas - shared, 1e-9))


class OwnLoop:
    """The loop of a camera, with notices and viewers off."""

    def __init__(self, face: Path, mask: Path, *, gated: bool) -> None:
        """Load both models; `gated`: behind the motion gate, else with every frame selected."""
        self._stages = build_stages(Settings(), models_of(face, mask), Timings(), every_frame=False)
        if gated:
            self._stages = replace(self._stages, selects=MotionGate(forced_s=Settings().detector.rest_s).opens)
        self._last = Scene(None, Faces.none(), (), (), 0.0)

    def step(self, frame: Frame) -> None:
        """Walk one frame, or skip it."""
        if self._stages.selects(frame, self._last):
            self._last = pipeline.walk(frame, self._stages)
        else:
            pipeline.skipped(frame, self._last, self._stages)


def cpu_s(step: Callable[[Frame], object], frames: Iterable[Frame]) -> float:
    """Return the CPU time of some frames."""
    began_s = time.process_time()
    for frame in frames:
        step(frame)
    return time.process_time() - began_s


def compared(frames: Sequence[Frame], rounds: int, *, gated: bool = False, warm: int = 5) -> dict[str, Any]:
    """Return frames per CPU second of both loops and their ratio, and the ratio of each round."""
    face, mask = paths.models() / "face" / "live", paths.models() / "mask"
    naive, own = TutorialLoop(face, mask).step, OwnLoop(face, mask, gated=gated).step
    for frame in frames[:warm]:
        naive(frame), own(frame)
    spent = {"naive": [], "loop": []}
    size = max(1, (len(frames) - warm) // rounds)
    for start in range(warm, warm + size * rounds, size):
        part = frames[start : start + size]
        spent["naive"].append(cpu_s(naive, part))
        spent["loop"].append(cpu_s(own, part))
    ratios = [naive_s / own_s for naive_s, own_s in zip(*spent.values(), strict=True)]
    rates = {f"{name}_fps": round(size * rounds / sum(seconds), 1) for name, seconds in spent.items()}
    overall = sum(spent["naive"]) / sum(spent["loop"])
    return rates | {"ratio": round(overall, 2), "median": round(statistics.median(ratios), 2), "frames": size * rounds}


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path, nargs="?", help="instead of three drawn people on a street, 1280 x 720")
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=10, help="turns of both loops")
    parser.add_argument("--faces", type=int, default=3, help="of the drawn street")
    parser.add_argument("--small", action="store_true", help="with the small image of a Raspberry Pi's camera")
    parser.add_argument("--gate", action="store_true", help="with the motion gate, which selects frames")
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()
    figures = compared(_frames(args), args.rounds, gated=args.gate)
    print(", ".join(f"{name} {value}" for name, value in figures.items()))
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")


def _frames(args: argparse.Namespace) -> list[Frame]:
    input_px = tflite.Model(paths.models() / "face" / "live").size_px
    if args.video is None:
        drawn = list(scenes.frames(args.faces, input_px, args.frames))
        return drawn if args.small else [Frame(one.image, one.seq, at=one.at, read_at=one.read_at) for one in drawn]
    read = (moment for moment in VideoSource(args.video) if isinstance(moment, Frame))
    return list(islice(read, args.frames))


if __name__ == "__main__":
    main()
