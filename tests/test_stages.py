"""How the settings choose the stages."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import edge
from edge import paths
from edge.batch.images import classify_frame
from edge.boxes import iou
from edge.data import Faces, Mask
from edge.detect.cascade import Cascade, CascadeRule, Verifier
from edge.errors import ModelError
from edge.monitor.timings import Timings
from edge.pipeline import walk
from edge.registry.active import InForce
from edge.stages import Models, build_stages, load_models
from edge.tflite import read_spec
from tests.support import fakes
from tests.support.settings import settings


@pytest.mark.parametrize(
    ("setting", "asked", "chosen"),
    [
        ("auto", "live", "live"),
        ("auto", "quality", "quality"),
        ("live", "quality", "live"),
        ("quality", "live", "quality"),
        ("balanced", "live", "balanced"),
    ],
)
def test_the_profile_of_the_settings_goes_before_that_of_the_command(setting, asked, chosen):
    models = load_models(settings(f"detector.profile={setting}"), profile=asked)
    assert models.specs["face"] == read_spec(paths.models() / "face" / chosen)


VERIFIER = '[verifier]\nfolder = "../quality"\nproposal = 0.25\nsquare = 2.6\nper_frame = 4\n'
DOUBT = '[verifier.doubt]\nfolder = "../balanced"\nlow = 0.25\nhigh = 0.5\nsquare = 2.6\nper_frame = 2\n'


@pytest.fixture
def verified(tmp_path) -> Path:
    """Return a copy of the face models in which `live` names `quality` as its verifier."""
    shutil.copytree(paths.models() / "face", tmp_path / "face")
    path = tmp_path / "face/live/model.toml"
    path.write_text(path.read_text().partition("[verifier]")[0] + VERIFIER)
    return path


def test_a_model_that_names_a_verifier_is_a_detector_of_two(verified, demo_scenes):
    frame = fakes.frame(image=demo_scenes[15.0].copy())
    models = load_models(settings(), profile="live", face=verified.parent)
    alone = load_models(settings(), profile="quality").detector.detect(frame)
    found = models.detector.detect(frame)
    assert isinstance(models.detector, Cascade)
    assert models.specs["face"].name == "centerface-small"
    assert (iou(found.boxes, alone.boxes).max(1) > 0.6).all()


def test_the_least_score_of_the_settings_is_that_of_both_models_together(verified, demo_scenes):
    frame = fakes.frame(image=demo_scenes[15.0].copy())
    scores = [
        load_models(settings(f"detector.min_score={least}"), profile="live", face=verified.parent)
        .detector.detect(frame)
        .scores
        for least in (0.1, 0.9)
    ]
    assert len(scores[0]) > len(scores[1])
    assert (scores[1] >= 0.9).all()


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('"../quality"', '"../none"', "none.*no such file"),
        ("2.6", "0.5", "verifier.square"),
        ("proposal = 0.25", "proposal = 0.0", "verifier.proposal"),
        ("per_frame = 4", "per_frame = 0", "verifier.per_frame"),
        ("per_frame = 4\n", "", "verifier.per_frame"),
        ("per_frame = 4", f"per_frame = 4\n{DOUBT}".replace("high = 0.5", "high = 0.2"), "low must be below high"),
        ("per_frame = 4", f"per_frame = 4\n{DOUBT}".replace("balanced", "none"), "none.*no such file"),
    ],
)
def test_a_verifier_that_is_absent_or_senseless_is_refused(verified, old, new, fault):
    verified.write_text(verified.read_text().replace(old, new))
    with pytest.raises(ModelError, match=fault):
        load_models(settings(), profile="live", face=verified.parent)


class Bare:
    """A classifier that sees no mask."""

    def classify(self, _frame, boxes):
        return fakes.verdicts(*[Mask.WITHOUT_MASK] * len(boxes))


@pytest.mark.parametrize(
    ("keys", "overridden"),
    [([], {}), (["face"], {"face": "detector.model"}), (["mask"], {"mask": "classifier.model"})],
)
def test_it_is_known_which_models_the_settings_name_in_place_of_those_of_the_store(keys, overridden):
    folders = {"face": ("detector.model", "face/live"), "mask": ("classifier.model", "mask")}
    named = [f"{key}={paths.models() / folder}" for key, folder in (folders[kind] for kind in keys)]
    models = load_models(settings(*named), profile="live")
    assert (models.version, models.overridden) == ("built-in", overridden)


def test_the_version_in_force_is_the_built_in_one_where_the_store_s_cannot_be_loaded(tmp_path):
    models = load_models(settings(), profile="live", models=InForce(tmp_path, "a" * 64))
    assert models.version == "built-in"
    assert models.problem.startswith("the built-in models are used: ")


@pytest.fixture
def doubtful() -> Models:
    """Return models that find two bare faces, of which the second has too low a score."""
    found = Faces(np.array([[5, 5, 25, 25], [30, 5, 50, 25]], np.float32), np.array([0.6, 0.4], np.float32))
    return Models(fakes.ListDetector(found), Bare(), {}, (320, 256), bare=0.5)


EXPECTED = ["without_mask", "unsure"]


def test_a_face_is_called_bare_from_another_threshold_on_in_every_image(doubtful):
    row = classify_frame("image", fakes.frame(), doubtful)
    assert [face["label"] for face in row["faces"]] == EXPECTED
    assert [face.mask.value for face in edge.classify(fakes.picture(), doubtful)] == EXPECTED


@pytest.mark.parametrize("every_frame", [True, False])
def test_a_face_is_called_bare_from_another_threshold_on_in_every_frame(doubtful, every_frame):
    stages = build_stages(settings(), doubtful, Timings(), every_frame=every_frame)
    sure = replace(doubtful.detector.detect(fakes.frame()), scores=np.array([0.6, 0.5], np.float32))
    confirming = replace(stages, detect=lambda _frame: sure)
    walked = [walk(fakes.frame(at=k / 2), stages if k > 1 else confirming) for k in range(20)]
    assert [mask.value for mask in walked[-1].verdicts.masks] == EXPECTED
    assert [track.mask.value for track in walked[-1].tracks] == EXPECTED


@pytest.mark.parametrize("every_frame", [True, False])
def test_a_face_below_that_threshold_becomes_no_person(doubtful, every_frame):
    stages = build_stages(settings(), doubtful, Timings(), every_frame=every_frame)
    counts = [len(walk(fakes.frame(at=k / 2), stages).tracks) for k in range(10)]
    assert counts == [0, *[1] * 9]


@pytest.mark.parametrize(("apart_s", "counts"), [(0.0, [0, 0]), (2.0, [0, 0]), (2.5, [1, 1])])
def test_where_nobody_can_be_seen_twice_once_is_enough(doubtful, apart_s, counts):
    """`detect --every 5` found nobody in a whole film."""
    stages = build_stages(settings(), doubtful, Timings(), every_frame=True, apart_s=apart_s)
    assert [len(walk(fakes.frame(at=at), stages).tracks) for at in (0.0, 2.5)] == counts


def test_the_threshold_is_that_of_the_detectors_model(verified):
    text = re.sub(r"^bare = .*\n", "", verified.read_text(), flags=re.MULTILINE)
    verified.write_text(text.replace("[thresholds]\n", "[thresholds]\nbare = 0.77\n"))
    assert load_models(settings(), profile="live", face=verified.parent).bare == 0.77


@pytest.mark.parametrize(("every_frame", "counts"), [(True, [9, 9]), (False, [9, 4])])
def test_cameras_bound_the_verifications_of_a_frame_and_files_do_not(every_frame, counts):
    boxes = [(20.0 + 45 * k, 100.0, 50.0 + 45 * k, 140.0) for k in range(9)]
    cascade = Cascade(
        fakes.ListDetector(fakes.faces(*boxes)),
        Verifier(fakes.ListDetector(fakes.faces((30, 25, 70, 75))), 2, 100),
        CascadeRule(0.3, 4),
    )
    models = replace(load_models(settings(), profile="live"), detector=cascade)
    stages = build_stages(settings(), models, Timings(), every_frame=every_frame)
    image = fakes.picture(size_px=(480, 240))
    assert [len(stages.detect(fakes.frame(at=at, image=image))) for at in (0.0, 0.06)] == counts


def test_a_tracks_every_other_classification_sees_the_mirror_image(doubtful, monkeypatch):
    asked = []
    models = replace(load_models(settings(), profile="live"), detector=doubtful.detector, bare=0.0)
    plain = models.classifier.classify
    monkeypatch.setattr(models.classifier, "classify", lambda *given: asked.append(given[2]) or plain(*given))
    stages = build_stages(settings(), models, Timings(), every_frame=True)
    for k in range(4):
        walk(fakes.frame(at=k / 2), stages)
    assert asked == [(), (False, False), (True, True), (False, False)]
