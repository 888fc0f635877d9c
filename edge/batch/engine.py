"""The one engine: what is found in an image or a video, whichever command, process or machine asks."""

from __future__ import annotations

import uuid
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from edge.alert.digest import EpisodeRecord
from edge.batch.drawing import drawn_video, view_of
from edge.batch.images import classify_frame, read_frame
from edge.batch.inputs import opened
from edge.batch.outputs import save_image
from edge.batch.records import Kind, Record
from edge.batch.rows import Summary, alert_row, scene_row
from edge.capture.kinds import Kind as FileKind
from edge.capture.kinds import kind_to_read
from edge.capture.preprocess import preparation
from edge.capture.video import VideoSource
from edge.data import EventType, Frame
from edge.errors import CameraError, InputError
from edge.monitor.timings import Timings
from edge.pipeline import scenes
from edge.privacy.zones import PrivacyZones
from edge.show.overlay import draw
from edge.stages import acceleration_of, build_stages, load_models, people_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path

    from rich.progress import Progress

    from edge.batch.inputs import Task
    from edge.data import Scene
    from edge.pipeline import Stages
    from edge.settings.schema import Settings
    from edge.stages import Models


@dataclass(frozen=True, slots=True)
class Job:
    """What is the same for every input; `every_s`: classify one frame of a video per so many seconds, 0: all."""

    settings: Settings
    every_s: float = 0.0


class Engine:
    """Loaded models that classify one input after another; used by one thread."""

    def __init__(self, job: Job) -> None:
        """Load the models.

        Raises:
            ModelError: a model is missing, damaged or not what its model.toml specifies.
        """
        self.models: Models = load_models(job.settings, profile="quality", acceleration=acceleration_of(job.settings))
        self.job = job
        self._prepare = preparation(job.settings.camera, PrivacyZones(job.settings.privacy.no_look))

    def records(self, task: Task, progress: Progress | None = None) -> Generator[Record, None, None]:
        """Yield what is found in an input; one that cannot be read yields the reason as a last record.

        progress: shows how far a video is.

        Raises:
            OutputError: a drawing cannot be written.
        """
        try:
            with opened(task.path) as path:
                yield from self._found(task, path, progress)
        except (CameraError, InputError) as error:
            yield Record(Kind.BAD, str(task.path), str(error))

    def _found(self, task: Task, path: Path, progress: Progress | None) -> Iterator[Record]:
        if (task.kind or kind_to_read(path)) is FileKind.VIDEO:
            yield from self._in_video(task, path, progress)
        else:
            yield from self._in_image(task, path)

    def _in_image(self, task: Task, path: Path) -> Iterator[Record]:
        source, summary = str(task.path), Summary(str(task.path))
        frame = read_frame(path, self._prepare)
        row = classify_frame(source, frame, self.models)
        summary.write(row)
        yield Record(Kind.ROW, source, row)
        if task.drawing:
            save_image(task.drawing, draw(frame.image, view_of(row)))
        yield Record(Kind.SUMMARY, source, summary.of_image())

    def _in_video(self, task: Task, path: Path, progress: Progress | None) -> Iterator[Record]:
        source, summary, episodes = str(task.path), Summary(str(task.path)), EpisodeRecord()
        lost: list[CameraError] = []
        video = VideoSource(path, on_bad=lost.append, prepare=self._prepare)
        rate_hz = min(video.rate_hz, 1 / self.job.every_s) if self.job.every_s else video.rate_hz
        with closing(video), shown(progress, video, path.name) as advance, drawn_video(task.drawing, rate_hz) as drawn:
            for scene in scenes(self._due(video, advance), self._stages(source)):
                episodes.put(scene)
                for record in _of_scene(source, scene):
                    if record.kind is Kind.ROW:
                        summary.write(record.value)
                        if drawn and scene.frame:
                            drawn.write(draw(scene.frame.image, view_of(record.value)), scene.frame.at)
                    yield record
                summary.alerts += sum(alert.event_type is EventType.START for alert in scene.alerts)
        yield from (Record(Kind.BAD, source, str(error).replace(str(path), source)) for error in lost)
        yield Record(Kind.SUMMARY, source, summary.of_video())
        yield Record(Kind.DIGEST, source, episodes.digest())

    def _stages(self, source: str) -> Stages:
        """Return stages that have seen nobody; ids of episodes follow from the source, so that all runs agree."""
        settings, apart_s, numbers = self.job.settings, self.job.every_s, count()
        name = source.encode("utf-8", "backslashreplace").decode()

        def new_id() -> str:
            return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{name}#{next(numbers)}"))

        people = people_of(settings, self.models, every_frame=True, apart_s=apart_s, new_id=new_id)
        return build_stages(settings, self.models, Timings(), every_frame=True, people=people)

    def _due(self, video: VideoSource, advance: Callable[[], None]) -> Generator[Frame, None, None]:
        """Yield the frames to classify: all, or one per `every_s`."""
        next_at, every_s = 0.0, self.job.every_s
        for frame in video:
            advance()
            if isinstance(frame, Frame) and frame.at >= next_at:
                if every_s:  # after a gap, do not catch up on the frames that were due in it
                    next_at += every_s * (1 + (frame.at - next_at) // every_s)
                yield frame


def _of_scene(source: str, scene: Scene) -> Iterator[Record]:
    if scene.frame:
        yield Record(Kind.ROW, source, scene_row(source, scene.frame, scene))
    yield from (Record(Kind.ALERT, source, alert_row(source, alert)) for alert in scene.alerts)


@contextmanager
def shown(progress: Progress | None, video: VideoSource, name: str) -> Iterator[Callable[[], None]]:
    """Yield what advances the bar of a video by a frame."""
    if progress is None:
        yield lambda: None
        return
    task = progress.add_task(name, total=video.expected_frames or None)
    try:
        yield lambda: progress.advance(task)
    finally:
        progress.remove_task(task)
