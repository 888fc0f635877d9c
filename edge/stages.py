"""Loads the models and joins the stages of the walk."""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import cv2

from edge import plugins
from edge.alert.episodes import EpisodePolicy
from edge.classify.mask import MaskClassifier, unsure_below
from edge.classify.vote import Voter
from edge.data import Notice, Reason
from edge.delegate import Delegate
from edge.delegate.acceleration import CPU, Acceleration
from edge.detect.cascade import Cascade, CascadeRule, Doubt, Verifier, for_camera
from edge.detect.centerface import CenterFace
from edge.distance.locate import Locator
from edge.distance.ranging import range_finder_of
from edge.distance.refine import Refinement
from edge.errors import ModelError
from edge.pipeline import Stages
from edge.registry.active import InForce, built_in, in_force
from edge.tflite import Model, read_spec
from edge.track.motion import MotionTracker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edge.classify import Classifier
    from edge.data import Faces, Frame, Scene, Track, Verdicts
    from edge.delegate.marker import Marker
    from edge.detect import Detector
    from edge.monitor.timings import Timings
    from edge.notice.policy import NoticePolicy
    from edge.settings.schema import AlertSettings, Settings
    from edge.tflite import Inference, ModelSpec

log = logging.getLogger(__name__)

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Models:
    """The loaded models; `specs` holds the content of their model.toml, by kind.

    bare: score of a face from which it may be called without a mask.  acceleration: what runs them; None: the CPU.
    problem: why they are not those that the store names; empty if they are.
    folders: from which they were loaded, by kind.  version: of the store, or what stands for the built-in models.
    overridden: the setting that names another model than that version's, by kind.
    """

    detector: Detector
    classifier: Classifier
    specs: dict[str, ModelSpec]
    detector_px: tuple[int, int]
    bare: float = 0.0
    acceleration: Acceleration | None = None
    problem: str = ""
    folders: dict[str, Path] = field(default_factory=dict)
    version: str = ""
    overridden: dict[str, str] = field(default_factory=dict)

    @property
    def runtime(self) -> dict[str, str]:
        """What runs them: `name` of the runtime, and `delegate`, the file name of its library, empty: the CPU."""
        return (self.acceleration or Acceleration(CPU)).runtime

    def classify(self, frame: Frame, faces: Faces, mirrored: Sequence[bool] = ()) -> Verdicts:
        """Return one verdict for each face; one without a mask whose score is below `bare` is unsure.

        False faces have low scores and are mostly classified as bare, and an alert needs more certainty than a box.
        """
        return classified(self.classifier, frame, faces, mirrored=mirrored, bare=self.bare)


def classified(
    classifier: Classifier, frame: Frame, faces: Faces, *, mirrored: Sequence[bool], bare: float
) -> Verdicts:
    """Return one verdict for each face; one without a mask whose score is below `bare` is unsure.

    Without mirror images where another package's classifier knows none.
    """
    if isinstance(classifier, MaskClassifier):
        verdicts = classifier.classify(frame, faces.boxes, mirrored)
    else:
        verdicts = classifier.classify(frame, faces.boxes)
    return unsure_below(verdicts, faces.scores, bare)


_DETECTORS: dict[str, Callable[..., Detector]] = {"centerface": CenterFace}
_CLASSIFIERS: dict[str, Callable[[Inference], Classifier]] = {"logits": MaskClassifier}


def load_models(
    settings: Settings,
    *,
    profile: str,
    face: Path | None = None,
    mask: Path | None = None,
    acceleration: Acceleration | None = None,
    models: InForce | None = None,
) -> Models:
    """Load both models; `profile` is what `detector.profile = auto` stands for.

    face, mask: model folders in place of those that the settings name.
    acceleration: tries a delegate on them, and runs them on it; None: on the CPU.
    models: what the settings name none of; None: the store's champion, else the built-in ones. Where they cannot be
        loaded, the built-in ones are.

    Raises:
        ModelError: a file is missing, damaged or not what its model.toml specifies.
    """
    models = models or in_force(settings.models)
    load = partial(_load, settings, profile=profile, face=face, mask=mask, acceleration=acceleration)
    try:
        loaded = load(models)
    except ModelError as error:
        if not models.sha256:
            raise
        models = built_in(f"the built-in models are used: {error}")
        loaded = load(models)
    if models.problem:
        log.warning("models: %s", models.problem)
    named = {
        "face": ("detector.model", settings.detector.model),
        "mask": ("classifier.model", settings.classifier.model),
    }
    overridden = {kind: key for kind, (key, folder) in named.items() if folder}
    return replace(loaded, problem=models.problem, version=models.name, overridden=overridden)


def _load(
    settings: Settings,
    models: InForce,
    *,
    profile: str,
    face: Path | None,
    mask: Path | None,
    acceleration: Acceleration | None,
) -> Models:
    rule = settings.detector
    chosen = profile if rule.profile == "auto" else rule.profile
    return models_of(
        face or Path(rule.model or models.folder / "face" / chosen),
        mask or Path(settings.classifier.model or models.folder / "mask"),
        threads=rule.threads,
        min_score=rule.min_score or None,
        acceleration=acceleration,
    )


def models_of(
    face: Path,
    mask: Path,
    *,
    threads: int = 1,
    min_score: float | None = None,
    acceleration: Acceleration | None = None,
) -> Models:
    """Load two model folders; `min_score` in place of the detector's own threshold, on the CPU unless accelerated.

    Raises:
        ModelError: a file is missing, damaged or not what its model.toml specifies.
    """
    cv2.setNumThreads(1)
    if acceleration:
        acceleration.try_out([mask, *_face_folders(face)], threads)
    load = acceleration.load if acceleration else Model
    classifier, judge = load_classifier(mask, threads=threads, load=load)
    detector, finder = load_detector(face, threads=threads, min_score=min_score, load=load)
    bare = finder.spec.thresholds.get("bare", 0.0)
    specs, folders = {"face": finder.spec, "mask": judge.spec}, {"face": face, "mask": mask}
    return Models(detector, classifier, specs, finder.size_px, bare, acceleration, folders=folders)


def load_classifier(
    folder: Path, *, threads: int = 1, load: Callable[..., Inference] = Model
) -> tuple[Classifier, Inference]:
    """Load a mask model; return the classifier, and the model itself.

    load: loads a model folder.

    Raises:
        ModelError: a file is missing, damaged or not what its model.toml specifies.
    """
    model = load(folder, threads=threads)
    return _factory(_CLASSIFIERS, plugins.CLASSIFIERS, model)(model), model


def _face_folders(face: Path) -> list[Path]:
    """Return the folder of a face model, and of its verifiers."""
    verifier = read_spec(face).verifier
    return [face, *(face / folder for folder in (verifier.folders if verifier else ()))]


def load_detector(
    folder: Path, *, threads: int = 1, min_score: float | None = None, load: Callable[..., Inference] = Model
) -> tuple[Detector, Inference]:
    """Load a face model, and the verifiers that its model.toml names; return the detector, and the model itself.

    load: loads a model folder.

    Raises:
        ModelError: a file is missing, damaged or not what its model.toml specifies.
    """
    finder = load(folder, threads=threads)
    make = _factory(_DETECTORS, plugins.DETECTORS, finder)
    verifier = finder.spec.verifier
    if verifier is None:
        return make(finder, min_score=min_score), finder
    least = finder.spec.thresholds["score"] if min_score is None else min_score
    load_verifier = partial(_load_verifier, load=partial(load, threads=threads))
    doubt = verifier.doubt
    larger = (
        Doubt(doubt.low, doubt.high, load_verifier(folder / doubt.folder, doubt.square), doubt.per_frame)
        if doubt
        else None
    )
    second = load_verifier(folder / verifier.folder, verifier.square)
    first = make(finder, min_score=min(verifier.proposal, least))
    return Cascade(first, second, CascadeRule(least, verifier.per_frame, larger)), finder


def _load_verifier(folder: Path, square: float, *, load: Callable[[Path], Inference]) -> Verifier:
    model = load(folder)
    detector = _factory(_DETECTORS, plugins.DETECTORS, model)(model, min_score=None)
    return Verifier(detector, square, model.size_px[0])


def _factory(built_in: dict[str, _T], group: str, model: Inference) -> _T | Callable[..., Any]:
    """Return what makes the detector or classifier for a model: of this package, or of one that adds its decoder."""
    decoder = model.spec.decoder
    factory = built_in.get(decoder) or plugins.factory(group, decoder)
    if factory is None:
        known = ", ".join([*built_in, *plugins.names(group)])
        raise ModelError(f"model {model.spec.name}: decoder {decoder} is none of {known}")
    return factory


def acceleration_of(settings: Settings, marker: Marker | None = None) -> Acceleration:
    """Return what runs the models on the delegate that the settings name, on the CPU if they name none.

    marker: of a service that may have died of it.
    """
    rule = settings.tflite
    pairs = (pair.partition(":") for pair in rule.delegate_options.split(";") if pair)
    options = {key: value for key, _, value in pairs}
    return Acceleration(Delegate(rule.delegate, options, rule.delegate_s), marker)


@dataclass(frozen=True, slots=True)
class People:
    """What is remembered of the people in sight; it outlives every reload that changes neither camera nor device."""

    tracker: MotionTracker
    voter: Voter
    policy: EpisodePolicy

    def adopt(self, settings: Settings, models: Models, *, every_frame: bool = False) -> None:
        """Use other settings and models from now on, with the same people and the same open episodes."""
        self.tracker.adopt(**_tracks(settings, models))
        self.voter.adopt(**_votes(settings, every_frame=every_frame))
        self.policy.adopt(**_episodes(settings.alert))


def people_of(
    settings: Settings,
    models: Models,
    *,
    every_frame: bool = False,
    apart_s: float = 0.0,
    new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
) -> People:
    """Return the memory of a run that has seen nobody yet.

    apart_s: time between two frames; where it exceeds `track.max_lost_s`, nobody is seen twice, and once is enough.
    new_id: returns the id of the next episode.
    """
    tracks = _tracks(settings, models)
    if apart_s > settings.track.max_lost_s:
        tracks["min_hits"] = 1
    return People(
        MotionTracker(**tracks),
        Voter(**_votes(settings, every_frame=every_frame)),
        EpisodePolicy(**_episodes(settings.alert), new_id=new_id),
    )


def build_stages(
    settings: Settings,
    models: Models,
    timings: Timings,
    *,
    every_frame: bool,
    measured: bool | None = None,
    apart_s: float = 0.0,
    people: People | None = None,
    notice: NoticePolicy | None = None,
) -> Stages:
    """Join the stages; `every_frame` classifies every visible face in every frame, for files.

    measured: give each track its position; None: unless `every_frame`.
    apart_s: time between two frames, where it is chosen.
    people: those who are known already; None: nobody is.  notice: decides on notices; None: none are given.
    """
    people = people or people_of(settings, models, every_frame=every_frame, apart_s=apart_s)
    measured = not every_frame if measured is None else measured
    tracker, voter, policy = people.tracker, people.voter, people.policy
    detector = models.detector if every_frame else for_camera(models.detector)
    refinement = Refinement(models.detector, models.detector_px)
    locator = Locator(refinement, range_finder_of(settings.distance, models.detector_px[0]))
    return Stages(
        detect=timings.timed("detect", detector.detect),
        track=timings.timed("track", tracker.update),
        due=voter.due,
        mirrored=voter.mirrored,
        classify=timings.timed("classify", models.classify),
        vote=timings.timed("vote", voter.vote),
        measure=timings.timed("measure", locator.measure) if measured else _unmeasured,
        judge=timings.timed("judge", policy.judge),
        episodes=policy.open,
        close=partial(policy.close, reason=Reason.STOPPED),
        notify=timings.timed("notify", notice.judge) if notice else _unnotified,
        withdraw=notice.withdraw if notice else Notice,
    )


def _tracks(settings: Settings, models: Models) -> dict[str, Any]:
    return {**settings.track.model_dump(), "min_score": models.bare}


def _votes(settings: Settings, *, every_frame: bool) -> dict[str, Any]:
    rule = settings.classifier
    return {
        "every_s": 0.0 if every_frame else rule.every_s,
        "max_per_frame": 1_000 if every_frame else rule.max_per_frame,
        "half_life_s": settings.vote.half_life_s,
        "min_votes": settings.vote.min_votes,
        "min_confidence": settings.vote.min_confidence,
    }


def _episodes(rule: AlertSettings) -> dict[str, Any]:
    return rule.model_dump(include={"dwell_s", "clear_s", "gone_s", "update_s", "incorrect"})


def counting(stages: Stages) -> Stages:
    """Return stages that classify people, measure nobody, and raise no alert and no notice."""
    return replace(
        stages,
        measure=_unmeasured,
        judge=lambda _tracks, _at: (),
        episodes=tuple,
        close=lambda _at: (),
        notify=_unnotified,
        withdraw=Notice,
    )


def _unmeasured(_frame: Frame, tracks: Sequence[Track]) -> tuple[Track, ...]:
    return tuple(tracks)


def _unnotified(_scene: Scene) -> Notice:
    return Notice()
