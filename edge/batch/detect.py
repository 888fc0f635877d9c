"""Pictures, folders and videos walked one after another into the wanted files."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TextIO

from edge.batch.judge import judged, read_frame
from edge.batch.outputs import save_picture
from edge.batch.rows import scene_row
from edge.capture.files import PICTURES, VIDEOS, VideoSource, untouched
from edge.data import CLASSES, Gap, Mask
from edge.errors import CameraError, InputError
from edge.pipeline import ended, walk
from edge.redaction import redacted
from edge.show.overlay import draw
from edge.show.view import Mark, View, relative

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from rich.progress import Progress

    from edge.batch.rows import RowWriter
    from edge.data import Alert, Image
    from edge.joined.stages import Models
    from edge.pipeline import Stages


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where rows, drawn pictures and alerts go."""

    writers: list[RowWriter]
    annotate: Path | None = None
    alerts: TextIO | None = None


@dataclass(slots=True)
class Batch:
    """One call of `maskwatch detect`: what was asked, and which inputs turned out bad."""

    models: Models
    new_stages: Callable[[], Stages]
    outputs: Outputs
    every_s: float = 0.0
    bad: list[CameraError] = field(default_factory=list)
    on_bad: Callable[[CameraError], None] = lambda _error: None
    paint: Callable[[Image], None] = untouched

    def run(self, paths: Sequence[Path], progress: Progress) -> None:
        """Judge all inputs; bad ones are told, kept in `bad` and passed over."""
        task = progress.add_task("judging", total=len(paths))
        for path in paths:
            try:
                self._judge(path, progress)
            except CameraError as error:
                self._note(error)
            progress.advance(task)

    def _note(self, error: CameraError) -> None:
        self.bad.append(error)
        self.on_bad(error)

    def _judge(self, path: Path, progress: Progress) -> None:
        if path.suffix.lower() in VIDEOS:
            self._video(path, progress)
        else:
            self._picture(path)

    def _picture(self, path: Path) -> None:
        frame = read_frame(path, self._painted)
        self._write(judged(str(path), frame, self.models), frame.image, f"{path.stem}.jpg")

    def _painted(self, image: Image) -> Image:
        self.paint(image)
        return image

    def _video(self, path: Path, progress: Progress) -> None:
        source, stages = VideoSource(path, on_bad=self._note, paint=self.paint), self.new_stages()
        task = progress.add_task(path.name, total=source.expected_frames or None)
        at, next_at = 0.0, 0.0
        try:
            for frame in source:
                progress.advance(task)
                if isinstance(frame, Gap) or frame.at < next_at:
                    continue
                at, next_at = frame.at, next_at + self.every_s
                scene = walk(frame, stages)
                self._tell(str(path), scene.alerts)
                self._write(scene_row(str(path), frame, scene), frame.image, f"{path.stem}_{frame.seq:06d}.jpg")
            self._tell(str(path), ended(at, stages).alerts)
        finally:
            source.close()
            progress.remove_task(task)

    def _write(self, row: dict[str, Any], image: Image, name: str) -> None:
        for writer in self.outputs.writers:
            writer.write(row)
        if self.outputs.annotate is not None:
            save_picture(self.outputs.annotate / name, draw(image, _view(row)))

    def _tell(self, source: str, alerts: Sequence[Alert]) -> None:
        if self.outputs.alerts is not None:
            for alert in alerts:
                self.outputs.alerts.write(json.dumps(alert_row(source, alert)) + "\n")


def alert_row(source: str, alert: Alert) -> dict[str, Any]:
    """Return an alert as `--alerts` has it; times in seconds of the video."""
    track = alert.track
    return {
        "source": source,
        "event_id": alert.event_id,
        "event_type": alert.event_type.value,
        "seq": alert.seq,
        "episode": alert.episode.value,
        "label": track.mask.value,
        "confidence": round(track.confidence, 4),
        "probs": {mask.value: round(p, 4) for mask, p in zip(CLASSES, track.probabilities, strict=True)},
        "track_id": track.id,
        "box": [round(v, 1) for v in track.box],
        "since_s": round(alert.since, 3),
        "t_s": round(alert.raised_at, 3),
        "reason": alert.reason.value if alert.reason else None,
    }


def _view(row: dict[str, Any]) -> View:
    return View(
        tuple(
            Mark(
                relative(tuple(face["box"]), row["width"], row["height"]),
                Mask(face.get("track_label", face["label"])),
                face["confidence"],
                face.get("track_id"),
            )
            for face in row["faces"]
        )
    )


def inputs(paths: Sequence[Path]) -> list[Path]:
    """Return the files to judge: named ones, and the pictures and videos of named folders, by name.

    Raises:
        InputError: a path does not exist, or a folder holds nothing to judge.
    """
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            files += _in_folder(path)
        elif path.exists():
            files.append(path)
        else:
            raise InputError(f"{redacted(str(path))}: no such file or folder")
    return files


def _in_folder(folder: Path) -> list[Path]:
    found = sorted(p for p in folder.iterdir() if p.suffix.lower() in PICTURES | VIDEOS and p.is_file())
    if not found:
        raise InputError(f"{folder}: holds no picture and no video")
    return found
