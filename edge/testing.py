"""Check that a detector, a classifier or a sink of another package keeps its contract.

Each function raises an AssertionError with a sentence, so that a test of a package is one line:

    def test_my_sink_keeps_the_contract():
        edge.testing.check_sink(MySink(edge.load_settings()))
"""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING

import numpy as np

from edge.api import load_models, load_settings
from edge.capture.demo import DemoCamera
from edge.data import CLASSES, Faces, Frame, Mask, Verdicts
from edge.monitor.timings import Timings
from edge.pipeline import scenes as walked
from edge.publish.worker import Worker
from edge.stages import build_stages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge.classify import Classifier
    from edge.data import Floats, Gap, Image, Scene
    from edge.detect import Detector
    from edge.pipeline import Sink

PUT_S = 5.0
"""A sink whose `put` takes longer than this blocks; a good one returns within a millisecond."""

_STEP_S = 0.25
_PLAY_S = (2.0, 18.0)
"""The part of the demo in which a person wears no mask, then wears one wrongly, then wears one correctly."""


def frame(image: Image, *, at: float = 0.0, seq: int = 0, small: Image | None = None) -> Frame:
    """Return a frame of a uint8 (H, W, 3) BGR image."""
    return Frame(image.copy(), seq, at=at, read_at=at, small=small)


def demo_image(at: float = 11.0) -> Image:
    """Return an image of the demo, uint8 (540, 960, 3) BGR: two people, at a second of its 36 s."""
    return DemoCamera().scene(at)


@cache
def scenes() -> tuple[Scene, ...]:
    """Return the scenes of 16 s of the demo: an episode starts, is updated and ends; the last one has no frame."""
    stages = build_stages(load_settings(), load_models(profile="live"), Timings(), every_frame=True)
    return tuple(walked(_Play(), stages))


def check_detector(detector: Detector, *, finds: bool = True) -> None:
    """Check shapes, dtypes, order and range of what a detector returns, and that it leaves the frame as it is.

    finds: whether it must find a face in the demo.
    """
    for name, image in _images().items():
        _check_faces(name, detector, frame(image))
    _check_faces("a frame with a small image", detector, frame(demo_image(), small=_halved(demo_image())))
    if finds:
        _require(len(detector.detect(frame(demo_image()))) > 0, "the demo: detect found no face")


def check_classifier(classifier: Classifier) -> None:
    """Check shapes, dtypes and range of what a classifier returns, and that it leaves the frame as it is."""
    boxes = np.array([[100, 100, 180, 200], [-20, -30, 40, 50], [900, 500, 990, 600], [5, 5, 8, 9]], np.float32)
    for name, image in _images().items():
        for chosen in (boxes, boxes[:1], boxes[:0]):
            _check_verdicts(f"{name}, {len(chosen)} boxes", classifier, frame(image), chosen)


def check_sink(sink: Sink, *, put_s: float = PUT_S) -> None:
    """Check that a sink takes every kind of scene at once, changes none of them, and closes if it has `close`.

    put_s: seconds after which `put` counts as blocked.

    Raises:
        AssertionError: a check failed; what the sink itself raises is raised as it is.
    """
    worker = Worker("check of a sink")
    for scene in (scenes()[-1], *scenes()):
        _check_put(sink, scene, worker, put_s)
    closed = worker.call(getattr(sink, "close", lambda: None))
    _require(closed.wait(put_s), f"close has not returned after {put_s:g} s")
    _ = closed.result
    worker.close(put_s)


class _Play:
    """Source of the demo's frames, by the demo's clock."""

    def __iter__(self) -> Iterator[Frame | Gap]:
        camera, (first, last) = DemoCamera(), _PLAY_S
        for seq, at in enumerate(np.arange(first, last, _STEP_S).tolist()):
            yield frame(camera.scene(at), at=at - first, seq=seq)

    def close(self) -> None:
        """Hold nothing open."""


def _images() -> dict[str, Image]:
    noise = np.random.default_rng(1).integers(0, 256, (360, 480, 3)).astype(np.uint8)
    return {
        "the demo": demo_image(),
        "an upright image": np.ascontiguousarray(np.rot90(demo_image())),
        "a small image": np.full((24, 32, 3), 90, np.uint8),
        "a black image": np.zeros((480, 640, 3), np.uint8),
        "noise": noise,
    }


def _halved(image: Image) -> Image:
    return np.ascontiguousarray(image[::2, ::2])


def _check_faces(name: str, detector: Detector, given: Frame) -> None:
    image = given.image.copy()
    faces = detector.detect(given)
    _require(isinstance(faces, Faces), f"{name}: detect returned {type(faces).__name__}, expected Faces")
    _check_array(f"{name}: boxes", faces.boxes)
    _check_array(f"{name}: scores", faces.scores)
    if faces.landmarks is not None:
        _check_array(f"{name}: landmarks", faces.landmarks)
    _check_boxes(name, faces.boxes, given.size_px)
    _check_scores(name, faces.scores)
    _require(np.array_equal(given.image, image), f"{name}: detect changed the frame's image")
    again = detector.detect(given)
    _require(np.array_equal(again.boxes, faces.boxes), f"{name}: detect found other boxes in the same frame")


def _check_boxes(name: str, boxes: Floats, size_px: tuple[int, int]) -> None:
    """Check that boxes are x1, y1, x2, y2, not empty, and inside the frame: not in pixels of its small image."""
    _require((boxes[:, :2] < boxes[:, 2:]).all(), f"{name}: a box is empty or is not x1, y1, x2, y2")
    inside = (boxes >= 0).all() and (boxes <= np.tile(np.array(size_px), 2)).all()
    _require(inside, f"{name}: a box is outside the frame of {size_px[0]} x {size_px[1]} pixels")


def _check_scores(name: str, scores: Floats) -> None:
    _require(((scores >= 0) & (scores <= 1)).all(), f"{name}: a score is not within 0 to 1")
    _require((np.diff(scores) <= 0).all(), f"{name}: the scores are not in order, the best first")


def _check_verdicts(name: str, classifier: Classifier, given: Frame, boxes: Floats) -> None:
    image = given.image.copy()
    verdicts = classifier.classify(given, boxes)
    _require(isinstance(verdicts, Verdicts), f"{name}: classify returned {type(verdicts).__name__}, expected Verdicts")
    _require(len(verdicts) == len(boxes), f"{name}: classify returned {len(verdicts)} verdicts for {len(boxes)} boxes")
    probabilities = verdicts.probabilities
    _check_array(f"{name}: probabilities", probabilities)
    _require(((probabilities >= 0) & (probabilities <= 1)).all(), f"{name}: a probability is not within 0 to 1")
    one = np.allclose(probabilities.sum(1), 1, atol=1e-3)
    _require(one, f"{name}: the probabilities of {', '.join(mask.value for mask in CLASSES)} do not sum to 1")
    _require(all(isinstance(mask, Mask) for mask in verdicts.masks), f"{name}: a verdict is no edge.Mask")
    _require(np.array_equal(given.image, image), f"{name}: classify changed the frame's image")


def _check_array(name: str, array: Floats) -> None:
    _require(array.dtype == np.float32, f"{name} have dtype {array.dtype}, expected float32")
    _require(np.isfinite(array).all(), f"{name} hold a value that is not finite")


def _check_put(sink: Sink, scene: Scene, worker: Worker, put_s: float) -> None:
    """Check that a scene was taken in time and stayed as it was: all sinks are given the same one."""
    before = None if scene.frame is None else scene.frame.image.tobytes()
    put = worker.call(partial(sink.put, scene))
    _require(put.wait(put_s), f"put has not returned after {put_s:g} s: it blocks the processing of frames")
    _ = put.result
    after = None if scene.frame is None else scene.frame.image.tobytes()
    _require(after == before, "put changed the image of the scene's frame")


def _require(condition: object, sentence: str) -> None:
    if not condition:
        raise AssertionError(sentence)
