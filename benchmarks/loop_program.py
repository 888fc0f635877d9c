"""The program that `benchmarks.loop_instructions` counts: 40 frames walked, with stages and invocations marked."""

from __future__ import annotations

import argparse
import importlib
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2

from benchmarks import scenes
from benchmarks.marks import Marker
from edge import paths, pipeline, tflite
from edge.capture.picamera import to_bgr
from edge.detect.cascade import for_camera
from edge.monitor.timings import Timings
from edge.settings.schema import Settings
from edge.stages import build_stages, models_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from edge.data import Frame, Scene

    Buffer = NDArray[np.uint8]
    """uint8 (3 h / 2, w): a plane of brightness above two of colour."""

FRAMES = 40
_WARM = 3
"""Frames walked before: a person is confirmed with the second, and caches fill."""
STAGES = tuple(field.name for field in fields(pipeline.Stages))
SECTIONS = ("walk", *STAGES, "run", "invoke", "lores")


def sections(also: Sequence[str]) -> list[str]:
    """Return the names of all sections; `also` are functions as MODULE:NAME."""
    return [*SECTIONS, *also]


@dataclass(frozen=True, slots=True)
class Given:
    """What is walked: a number of faces of people `person_px` tall.

    lores: make the small image of each frame of a camera's YUV420 buffer, within the walk.
    watched: with the detector of a camera, which verifies a trusted place once per second, and not in every frame.
    also: further functions to mark, as MODULE:NAME.
    """

    faces: int
    frames: int = FRAMES
    person_px: int = scenes.PERSON_PX
    lores: bool = False
    watched: bool = False
    also: tuple[str, ...] = ()


def run(detector: Path, given: Given) -> None:
    """Walk the frames with every face classified; mark each walk, its stages, and each invocation.

    Raises:
        ValueError: another number of faces was found or classified in a frame.
    """
    models = models_of(detector, paths.models() / "mask")
    stages = build_stages(Settings(), models, Timings(), every_frame=True, measured=True)
    if given.watched:
        stages = replace(stages, detect=for_camera(models.detector).detect)
    frames = list(scenes.frames(given.faces, models.detector_px, _WARM + given.frames, given.person_px))
    for frame in frames[:_WARM]:
        pipeline.walk(frame, stages)
    moments = [(frame, _buffer(frame) if given.lores else None) for frame in frames[_WARM:]]
    walk = _marked_walk(stages, Marker(sections(given.also)), given.also)
    for frame, buffer in moments:
        scene = walk(frame, buffer)
        if (len(scene.faces), len(scene.verdicts)) != (given.faces, given.faces):
            message = f"{len(scene.faces)} faces found, {len(scene.verdicts)} classified, expected {given.faces}"
            raise ValueError(message)


def _marked_walk(
    stages: pipeline.Stages, marker: Marker, also: Sequence[str]
) -> Callable[[Frame, Buffer | None], Scene]:
    """Return the walk of a frame, whose small image is made of a buffer if there is one, with all sections marked."""
    interpreter = importlib.import_module(tflite.runtime()).Interpreter
    interpreter.invoke = marker.marked("invoke", interpreter.invoke)
    for name, place in [("run", "edge.tflite:Model.read"), *((place, place) for place in also)]:
        _replace(marker, name, place)
    marked = replace(stages, **{name: marker.marked(name, getattr(stages, name)) for name in STAGES})
    convert = marker.marked("lores", _with_small)

    def walk(frame: Frame, buffer: Buffer | None) -> Scene:
        return pipeline.walk(frame if buffer is None else convert(frame, buffer), marked)

    return marker.marked("walk", walk)


def _replace(marker: Marker, name: str, place: str) -> None:
    """Mark the function MODULE:NAME or MODULE:CLASS.NAME wherever the module calls it."""
    module, path = place.split(":")
    owner: Any = importlib.import_module(module)
    *classes, last = path.split(".")
    for part in classes:
        owner = getattr(owner, part)
    setattr(owner, last, marker.marked(name, getattr(owner, last)))


def _buffer(frame: Frame) -> Buffer:
    """Return the small image as libcamera's buffer of a YUV420 stream, rows padded to a multiple of 64."""
    small = frame.image if frame.small is None else frame.small
    pad = -small.shape[1] % 64
    padded = cv2.copyMakeBorder(small, 0, 0, 0, pad, cv2.BORDER_REPLICATE)
    return cv2.cvtColor(padded, cv2.COLOR_BGR2YUV_I420)  # type: ignore[return-value]


def _with_small(frame: Frame, buffer: Buffer) -> Frame:
    """Return the frame with its small image made anew of the buffer, as the camera's thread makes it."""
    small = frame.image if frame.small is None else frame.small
    return replace(frame, small=to_bgr(buffer, "YUV420", (small.shape[1], small.shape[0])))


def main() -> None:
    """Run the marked loop once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("detector", type=Path)
    parser.add_argument("faces", type=int)
    parser.add_argument("--frames", type=int, default=FRAMES)
    parser.add_argument("--person-px", type=int, default=scenes.PERSON_PX)
    parser.add_argument("--lores", action="store_true")
    parser.add_argument("--watched", action="store_true")
    parser.add_argument("--also", nargs="*", default=[])
    args = parser.parse_args()
    run(args.detector, Given(args.faces, args.frames, args.person_px, args.lores, args.watched, tuple(args.also)))


if __name__ == "__main__":
    main()
