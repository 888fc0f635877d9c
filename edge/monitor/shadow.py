"""The shadow: a challenger gets some of the crops or frames that the champion got, and what differs is counted."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from edge.boxes import shorter_sides
from edge.crop import Square, cut, square_about

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edge.data import Floats, Image, Scene
    from edge.monitor.budget import Budget
    from edge.monitor.comparison import Comparison
    from edge.tflite import InputSpec

_AGAIN_S = 5.0
"""Crops of one person are alike: counted as independent ones, they would make the intervals too narrow."""
_SAVE_S = 600.0
"""144 writes of 4 kB a day; a power cut loses ten minutes of counts."""
_TIMED_EVERY = 8
"""How often the challenger's process runs the champion, too, for its time under the same conditions."""


class Jobs(Protocol):
    """Where the challenger runs."""

    crashes: int

    @property
    def idle(self) -> bool:
        """Whether it waits for a job."""
        ...

    def ask(self, image: Image, job: dict[str, Any]) -> bool:
        """Give it a job on an image, uint8 (H, W, 3) BGR, and return at once; False where that is not possible."""
        ...

    def answer(self) -> dict[str, Any] | None:
        """Return the answer to the last job, once; None while there is none."""
        ...

    def close(self) -> None:
        """End it."""
        ...


@dataclass(frozen=True, slots=True)
class Cropping:
    """What both mask models see of a face, and the score from which on the champion may call one bare."""

    champion: InputSpec
    challenger: InputSpec
    bare: float

    def region(self, box: Floats) -> Square:
        """Return a square that contains what both see of a box; its corner is even, see `shifted`."""
        squares = [
            square_about(box, spec.crop_margin, shift=spec.crop_shift) for spec in (self.champion, self.challenger)
        ]
        left, top = (min(square[axis] for square in squares) // 2 * 2 for axis in (0, 1))
        side = max(max(square[axis] + square[2] for square in squares) - low for axis, low in ((0, left), (1, top)))
        return left, top, side


def shifted(box: Floats, square: Square) -> list[float]:
    """Return a box in pixels of a square that was cut out.

    By an even number of pixels, so that the crop is the same one to the pixel: halves are rounded to even numbers.
    """
    left, top, _ = square
    return [float(value) for value in box - np.array([left, top, left, top], np.float32)]


class Shadow:
    """Sink, the last one of the loop, that lets a challenger of one kind work on what the champion worked on.

    comparison: the counts so far, also of earlier runs.
    """

    def __init__(
        self,
        jobs: Jobs,
        budget: Budget,
        comparison: Comparison,
        *,
        models: tuple[dict[str, str], dict[str, str]],
        cropping: Cropping | None = None,
        save: Callable[[Comparison], None] = lambda _: None,
        is_blind: Callable[[], bool] = lambda: False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Count into `comparison`.

        models: what identifies champion and challenger.  cropping: of mask models; None: the models find faces.
        is_blind: whether the champion's verdicts are void.
        """
        self.comparison = comparison
        self._jobs, self._budget, self._cropping = jobs, budget, cropping
        self._save, self._is_blind, self._monotonic = save, is_blind, monotonic
        self._models = models
        self._earlier_crashes = comparison.crashes
        self._compared_at: dict[int, float] = {}
        self._next_save_at = monotonic() + _SAVE_S
        self._asked = 0

    def put(self, scene: Scene) -> None:
        """Count an answer, and give the challenger something of this scene if the budget allows."""
        began_s, at = time.thread_time(), self._monotonic()
        self._take(self._jobs.answer())
        if scene.frame is not None and not scene.skipped and self._jobs.idle and not self._is_blind():
            self._offer(scene, at)
        if at >= self._next_save_at:
            self._next_save_at = at + _SAVE_S
            self._save(self.comparison)
        self._budget.spend(time.thread_time() - began_s)

    def stats(self) -> dict[str, float]:
        """Return the counts for statistics and metrics."""
        counts = {"compared": self.comparison.compared, "agreed": self.comparison.agreed}
        spent = {"every": self._budget.every, "cpu_s": round(self._budget.spent_s, 3)}
        return {**counts, "crashes": self.comparison.crashes, **spent}

    def report(self) -> dict[str, Any]:
        """Return the comparison as it is published."""
        champion, challenger = self._models
        return {"champion": champion, "challenger": challenger, **self.comparison.body()}

    def close(self) -> None:
        """End the challenger, and keep the counts."""
        self._jobs.close()
        self._save(self.comparison)

    def _take(self, answer: dict[str, Any] | None) -> None:
        self.comparison.crashes = self._earlier_crashes + self._jobs.crashes
        if answer is None:
            return
        self._budget.spend(float(answer["cpu_s"]))
        for champion, challenger, size, light in answer.get("faces", ()):
            self.comparison.add(champion, challenger, size, light)
        for model, seconds in answer.get("took_s", {}).items():
            self.comparison.took(model, seconds)

    def _offer(self, scene: Scene, at: float) -> None:
        self._compared_at = {key: then for key, then in self._compared_at.items() if at - then < _AGAIN_S}
        if self._cropping is None:
            if self._budget.allows(at):
                self._ask_for_faces(scene)
            return
        for row in self._rows(scene):
            if self._budget.allows(at):
                self._ask_for_mask(scene, row, self._cropping)
                self._compared_at[scene.tracks[scene.classified[row]].id] = at
                return

    def _rows(self, scene: Scene) -> Iterator[int]:
        """Yield the rows of the verdicts on people who were not compared lately."""
        for row, place in enumerate(scene.classified):
            if scene.tracks[place].face is not None and scene.tracks[place].id not in self._compared_at:
                yield row

    def _ask_for_mask(self, scene: Scene, row: int, cropping: Cropping) -> None:
        face = scene.tracks[scene.classified[row]].face
        if scene.frame is None or face is None:
            return
        box = scene.faces.boxes[face]
        square = cropping.region(box)
        job = {
            "box": shifted(box, square),
            "mirrored": row in scene.mirrored,
            "score": float(scene.faces.scores[face]),
            "bare": cropping.bare,
            "champion": scene.verdicts.masks[row].value,
            "side_px": float(shorter_sides(box[None])[0]),
        }
        self._ask(cut(scene.frame.image, square, square[2]), job)

    def _ask_for_faces(self, scene: Scene) -> None:
        if scene.frame is not None:
            found = {"boxes": scene.faces.boxes.tolist(), "scores": scene.faces.scores.tolist()}
            self._ask(scene.frame.image, found)

    def _ask(self, image: Image, job: dict[str, Any]) -> None:
        self._asked += self._jobs.ask(image, {**job, "timed": self._asked % _TIMED_EVERY == 0})
