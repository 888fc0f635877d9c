"""What this environment's TFLite runtime makes of pictures of the demo: run by the Python of each environment.

`python -m tests.platform.runtimes faces` prints, and `... masks` reads boxes by the second of the play, as JSON;
`... episodes` prints the episodes of the play, `... episodes PROFILE FRAMES VIDEO ...` those of videos' first frames.
"""

from __future__ import annotations

import hashlib
import json
import platform
import sys
import time
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge import paths, tflite
from edge.alert.digest import EpisodeRecord
from edge.capture.demo import DemoCamera
from edge.capture.video import VideoSource
from edge.classify.mask import MaskClassifier
from edge.data import Frame
from edge.detect.centerface import CenterFace
from edge.monitor.timings import Timings
from edge.pipeline import scenes
from edge.settings.schema import Settings
from edge.stages import build_stages, load_models

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from edge.data import Gap

PROFILES = ("live", "balanced", "quality")
SECONDS = tuple(range(1, 36, 2))
RATE_HZ, LAST_S = 5, 36


def faces(camera: DemoCamera) -> dict:
    """Return boxes and scores by profile and second, and the time that one picture took."""
    found: dict = {"runtime": tflite.runtime(), "machine": platform.machine()}
    for profile in PROFILES:
        model = tflite.Model(paths.models() / "face" / profile)
        detector = CenterFace(model)
        found[f"{profile}_score"] = model.spec.thresholds["score"]
        started_at = time.perf_counter()
        found[profile] = {}
        for second in SECONDS:
            seen = detector.detect(Frame(camera.scene(second), second, at=second, read_at=0.0))
            found[profile][second] = {"boxes": seen.boxes.tolist(), "scores": seen.scores.tolist()}
        found[f"{profile}_ms"] = 1e3 * (time.perf_counter() - started_at) / len(SECONDS)
    return found


def varied(image: np.ndarray) -> list[np.ndarray]:
    """Return a cut face as it is, without colour, with red and blue swapped, dark, out of focus, far away, mirrored."""
    side = image.shape[0]
    far = cv2.resize(cv2.resize(image, (20, 20), interpolation=cv2.INTER_AREA), (side, side))
    grey = np.repeat(image.mean(2, keepdims=True), 3, 2)
    changed = [image, grey, image[..., ::-1], image * 0.3, cv2.GaussianBlur(image, (0, 0), 2.0), far, image[:, ::-1]]
    return [np.ascontiguousarray(c, dtype=np.uint8) for c in changed]


def masks(camera: DemoCamera, boxes: dict[str, list]) -> dict:
    """Return logits of the faces in given boxes by second, each varied, and of the golden ones; and an output step."""
    model = tflite.Model(paths.models() / "mask")
    classifier = MaskClassifier(model)
    logits = {
        second: [
            classifier.logits(changed).tolist()
            for box in of_second
            for changed in varied(classifier.crop(camera.scene(int(second)), np.array(box, np.float32)))
        ]
        for second, of_second in boxes.items()
    }
    golden = np.load(paths.models() / "mask" / "golden.npz")["images"]
    logits["golden"] = [classifier.logits(image).tolist() for image in golden]
    return {"runtime": tflite.runtime(), "logits": logits, "step": output_step(model)}


def output_step(model: tflite.Model) -> float:
    """Return the scale of the last int8 tensor in the output's shape."""
    shape = list(model.spec.output[0].shape)
    scales = [
        detail["quantization"][0]
        for detail in model._interpreter.get_tensor_details()
        if list(detail["shape"]) == shape and detail["dtype"] is np.int8
    ]
    return float(scales[-1])


def play(camera: DemoCamera) -> Iterable[Frame]:
    """Yield the play as a video of few frames."""
    for number in range(int(LAST_S * RATE_HZ)):
        yield Frame(camera.scene(number / RATE_HZ), number, at=number / RATE_HZ, read_at=0.0)


class Watched:
    """The first frames of a source, with what shows whether another environment's decoder made the same of them."""

    def __init__(self, source: Iterable[Frame | Gap], most: int) -> None:
        self._source, self._most = source, most
        self._hash, self._levels = hashlib.sha256(), []

    def __iter__(self) -> Iterator[Frame | Gap]:
        for moment in islice(self._source, self._most):
            if isinstance(moment, Frame):
                self._hash.update(moment.image.data)
                self._levels.append(moment.image.mean((0, 1)))
            yield moment

    def figures(self) -> dict:
        """Return the number of frames, their hash, and their mean levels of blue, green and red."""
        levels = np.mean(self._levels, 0).tolist()
        return {"frames": len(self._levels), "sha256": self._hash.hexdigest(), "levels": levels}


def episodes(profile: str, most: int, videos: list[str]) -> dict:
    """Return the episodes of each video, or of the play, as files are judged: every frame, every face."""
    settings = Settings.model_validate({"detector": {"profile": profile}})
    models = load_models(settings, profile=profile)
    sources = {video: VideoSource(Path(video)) for video in videos} or {"play": play(DemoCamera())}
    found: dict = {"runtime": tflite.runtime(), "machine": platform.machine(), "episodes": {}, "decoded": {}}
    for name, source in sources.items():
        record, watched = EpisodeRecord(), Watched(source, most)
        for scene in scenes(watched, build_stages(settings, models, Timings(), every_frame=True)):
            record.put(scene)
        found["episodes"][name] = [asdict(episode) for episode in record.episodes]
        found["decoded"][name] = watched.figures()
    return found


def answer(what: str, *given: str) -> dict:
    """Return what is asked for."""
    if what == "episodes":
        profile, most, *videos = given or ("live", sys.maxsize)
        return episodes(profile, int(most), list(videos))
    return faces(DemoCamera()) if what == "faces" else masks(DemoCamera(), json.load(sys.stdin))


if __name__ == "__main__":
    json.dump(answer(*sys.argv[1:]), sys.stdout)
