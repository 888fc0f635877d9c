"""Classify images, folders and videos one after another, and write the requested files."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.batch.images import classify_frame, read_frame
from edge.batch.outputs import save_image, to_line
from edge.batch.remote import Remote, fetched, is_address, located
from edge.batch.rows import Summary, scene_row
from edge.batch.video_writer import VideoWriter
from edge.boxes import relative
from edge.capture.kinds import Kind, contents_of, exists, kind_to_read
from edge.capture.preprocess import unprepared
from edge.capture.video import VideoSource
from edge.data import CLASSES, EventType, Frame, Mask
from edge.errors import CameraError, InputError
from edge.pipeline import scenes
from edge.redaction import redacted
from edge.show.overlay import draw
from edge.show.view import Mark, View

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from rich.progress import Progress

    from edge.batch.outputs import Drawings, Text
    from edge.batch.rows import RowWriter
    from edge.capture.preprocess import Prepare
    from edge.data import Alert
    from edge.errors import EdgeError
    from edge.pipeline import Stages
    from edge.stages import Models

    Inputs = list[tuple[Path | Remote, Kind | None]]
    """Files and their kinds; None: the content of the file decides when its turn comes."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where rows, drawings and alerts go; `on_summary` takes the line of each file for a person."""

    writers: list[RowWriter]
    drawings: Drawings | None = None
    alerts: Text | None = None
    on_summary: Callable[[str], None] | None = None


@dataclass(slots=True)
class Batch:
    """One call of `maskwatch detect`: what to do, and the errors of inputs that could not be read."""

    models: Models
    new_stages: Callable[[], Stages]
    outputs: Outputs
    every_s: float = 0.0
    bad: list[EdgeError] = field(default_factory=list)
    on_bad: Callable[[EdgeError], None] = lambda _error: None
    prepare: Prepare = unprepared

    def run(self, inputs: Inputs, progress: Progress) -> None:
        """Classify all inputs; those that cannot be read are skipped, their errors reported and kept in `bad`.

        Raises:
            OutputError: an output cannot be written; what has been written so far is kept.
        """
        task = progress.add_task("classifying", total=len(inputs))
        for named, kind in inputs:
            try:
                with _opened(named) as path:
                    self._classify(named, path, kind or kind_to_read(path), progress)
            except (CameraError, InputError) as error:
                self._note(error)
            progress.advance(task)

    def _classify(self, named: Path | Remote, path: Path, kind: Kind, progress: Progress) -> None:
        if kind is Kind.VIDEO:
            self._video(named, path, progress)
        else:
            self._image(named, path)

    def _note(self, error: EdgeError) -> None:
        self.bad.append(error)
        self.on_bad(error)

    def _note_of(self, path: str, named: str, error: CameraError) -> None:
        """Note a damaged section of a copy as one of the file that was named."""
        self._note(CameraError(str(error).replace(path, named)))

    def _image(self, named: Path | Remote, path: Path) -> None:
        summary = Summary(str(named))
        frame = read_frame(path, self.prepare)
        row = classify_frame(str(named), frame, self.models)
        self._write(row, summary)
        if self.outputs.drawings:
            save_image(self.outputs.drawings.path_for(named, ".jpg"), draw(frame.image, _view(row)))
        self._summarise(summary.of_image())

    def _video(self, named: Path | Remote, path: Path, progress: Progress) -> None:
        lost = partial(self._note_of, str(path), str(named))
        source = VideoSource(path, on_bad=lost, prepare=self.prepare)
        stages = self.new_stages()
        task = progress.add_task(path.name, total=source.expected_frames or None)
        summary = Summary(str(named))
        try:
            with self._drawn_video(named, source.rate_hz) as drawn:
                for scene in scenes(self._due(source, partial(progress.advance, task)), stages):
                    if frame := scene.frame:
                        row = scene_row(str(named), frame, scene)
                        self._write(row, summary)
                        if drawn:
                            drawn.write(draw(frame.image, _view(row)), frame.at)
                    self._write_alerts(str(named), scene.alerts, summary)
        finally:
            source.close()
            progress.remove_task(task)
        self._summarise(summary.of_video())

    def _due(self, source: VideoSource, advance: Callable[[], None]) -> Generator[Frame, None, None]:
        """Yield the frames to classify: all, or one per `every_s`."""
        next_at = 0.0
        for frame in source:
            advance()
            if isinstance(frame, Frame) and frame.at >= next_at:
                if self.every_s:  # after a gap, do not catch up on the frames that were due in it
                    next_at += self.every_s * (1 + (frame.at - next_at) // self.every_s)
                yield frame

    @contextmanager
    def _drawn_video(self, named: Path | Remote, rate_hz: float) -> Iterator[VideoWriter | None]:
        """Yield the writer of the drawn video, which is finished even if the command ends early."""
        if self.outputs.drawings is None:
            yield None
            return
        rate_hz = min(rate_hz, 1 / self.every_s) if self.every_s else rate_hz
        writer = VideoWriter(self.outputs.drawings.path_for(named, ".mp4"), rate_hz)
        try:
            yield writer
        finally:
            writer.close()

    def _write(self, row: dict[str, Any], summary: Summary) -> None:
        for writer in (*self.outputs.writers, summary):
            writer.write(row)

    def _write_alerts(self, source: str, alerts: Sequence[Alert], summary: Summary) -> None:
        summary.alerts += sum(alert.event_type is EventType.START for alert in alerts)
        if self.outputs.alerts is not None:
            for alert in alerts:
                self.outputs.alerts.write(to_line(alert_row(source, alert)))

    def _summarise(self, line: str) -> None:
        if self.outputs.on_summary:
            self.outputs.on_summary(line)


def alert_row(source: str, alert: Alert) -> dict[str, Any]:
    """Return the row of an alert as `--alerts` writes it; times are seconds of the video."""
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
                relative(tuple(face["box"]), (row["width"], row["height"])),
                Mask(face.get("track_label", face["label"])),
                face["confidence"],
                face.get("track_id"),
            )
            for face in row["faces"]
        )
    )


@contextmanager
def _opened(named: Path | Remote) -> Iterator[Path]:
    """Yield the file of an input on this machine, or a copy of it."""
    if isinstance(named, Path):
        yield named
        return
    with fetched(named) as copy:
        yield copy


def inputs(named: Sequence[str], on_skipped: Callable[[str], None]) -> Inputs:
    """Return the files to classify: the given ones, and the images and videos of the given folders, sorted by name.

    named: paths and addresses.

    on_skipped: takes a sentence on the files of a folder that are skipped, and why.

    Raises:
        InputError: a path does not exist, or a folder has nothing to classify.
    """
    files: Inputs = []
    for path in [place for text in named for place in (located(text) if is_address(text) else [Path(text)])]:
        if isinstance(path, Remote):
            files.append((path, None))
            continue
        if not exists(path):
            raise InputError(f"{redacted(str(path))}: no such file or folder")
        files += _in_folder(path, on_skipped) if path.is_dir() else [(path, None)]
    _refuse_namesakes(files)
    return files


def _refuse_namesakes(files: Inputs) -> None:
    """Refuse two files with one name: the part of an address that may be a secret is no part of its name."""
    addresses: dict[str, Remote] = {}
    for remote, _ in files:
        if isinstance(remote, Remote) and addresses.setdefault(str(remote), remote) != remote:
            raise InputError(f"{remote}: is given twice, with different queries; fix: classify them one by one")


def _in_folder(folder: Path, on_skipped: Callable[[str], None]) -> Inputs:
    contents = contents_of(folder, (Kind.IMAGE, Kind.VIDEO))
    if contents.skipped:
        on_skipped(f"{folder}: skipped {contents}")
    if not contents.files:
        raise InputError(f"{folder}: has no image and no video")
    return list(contents.files)
