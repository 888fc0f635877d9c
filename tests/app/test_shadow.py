"""The shadow in a service: what its process answers, what is compared with what, and that it harms nothing."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

from edge.app.components import Components
from edge.app.shadow import build_shadow, challengers, check_shadow, rivals
from edge.app.shadow_worker import FaceAnswers, MaskAnswers, answer
from edge.data import Frame
from edge.errors import ModelError
from edge.monitor.lens import LensHealth
from edge.settings.models import ModelsSettings
from edge.settings.schema import PrivacySettings, Settings, ShadowSettings
from edge.stages import load_models, models_of
from tests.support.contract import Contract, OpenEar
from tests.support.fakes import eventually
from tests.support.mosquitto import Mosquitto
from tests.support.program import ROOT
from tests.support.service import TOP, Watch, on

MODELS = ROOT / "models"


@pytest.fixture
def other(tmp_path) -> Path:
    """Return a folder with another mask model: that which ships, with other thresholds and another hash."""
    return another(tmp_path / "other")


def another(folder: Path) -> Path:
    shutil.copytree(MODELS / "mask", folder / "mask")
    content = (folder / "mask/model.tflite").read_bytes() + b"\0"
    (folder / "mask/model.tflite").write_bytes(content)
    described = (folder / "mask/model.toml").read_text()
    was = next(line for line in described.splitlines() if line.startswith("sha256"))
    now = described.replace(was, f'sha256 = "{hashlib.sha256(content).hexdigest()}"')
    (folder / "mask/model.toml").write_text(now.replace('version = "1.3.0"', 'version = "9.0.0"'))
    return folder


def settings(tmp_path, **shadow) -> Settings:
    return Settings(shadow=ShadowSettings(**shadow), models=ModelsSettings(store=str(tmp_path / "store")))


def test_a_mask_model_answers_with_its_verdict_and_its_time(demo_scenes):
    answers = MaskAnswers(MODELS / "mask", MODELS / "mask")
    models = models_of(MODELS / "face/quality", MODELS / "mask")
    image = demo_scenes[11.0]
    frame = Frame(image, 0, at=0.0, read_at=0.0)
    faces = models.detector.detect(frame)
    expected = models.classify(frame, faces, [True] * len(faces)).masks
    for row, mask in enumerate(expected):
        job = {"box": faces.boxes[row].tolist(), "mirrored": True, "score": float(faces.scores[row])}
        job |= {"bare": models.bare, "champion": "unsure", "side_px": 30.0, "timed": row == 0}
        made = answer(answers, image, job)
        assert made["faces"][0][:3] == ("unsure", mask.value, 1)
        assert made["took_s"].keys() == ({"champion", "challenger"} if row == 0 else {"challenger"})


def test_a_bare_face_whose_score_is_low_is_unsure_for_both():
    answers = MaskAnswers(MODELS / "mask", MODELS / "mask")
    image = np.full((90, 90, 3), 128, np.uint8)
    job = {"box": [20.0, 20.0, 70.0, 70.0], "mirrored": False, "score": 0.1, "bare": 0.9}
    job |= {"champion": "unsure", "side_px": 50.0, "timed": False}
    assert answer(answers, image, job)["faces"] == [("unsure", "unsure", 2, 1)]


def test_a_face_model_answers_who_found_which_face(demo_scenes):
    answers = FaceAnswers(MODELS / "face/live", MODELS / "face/quality")
    image = demo_scenes[11.0]
    found = answers.run("challenger", Frame(image, 0, at=0.0, read_at=0.0), {}).tolist()
    assert len(found) >= 2
    nowhere = [0.0, 0.0, 5.0, 5.0]
    elsewhere = [0.0, 0.0, 30.0, 30.0]
    job = {"boxes": [found[0], elsewhere, nowhere], "scores": [0.9, 0.9, 0.9], "timed": False}
    rows = [row[:2] for row in answer(answers, image, job)["faces"]]
    assert rows == [("found", "found"), ("found", "missed")] + [("missed", "found")] * (len(found) - 1)


def test_the_kinds_that_differ_are_compared(tmp_path, other):
    models = load_models(Settings(), profile="live")
    assert [rival.kind for rival in rivals(settings(tmp_path, model=str(other)), models)] == ["mask"]
    assert rivals(settings(tmp_path, model="built-in"), models) == []
    shutil.copytree(MODELS / "face/quality", other / "face/live")
    found = rivals(settings(tmp_path, model=str(other)), models)
    assert [(rival.kind, rival.folders[1]) for rival in found] == [
        ("face", other / "face/live"),
        ("mask", other / "mask"),
    ]


def test_without_a_challenger_or_without_time_nothing_is_compared(tmp_path, other):
    assert challengers(settings(tmp_path)) is None
    assert challengers(settings(tmp_path, model=str(other), cpu_share=0.0)) is None


def test_a_folder_without_models_is_refused(tmp_path, other):
    with pytest.raises(ModelError, match=r"shadow.model: .*nothing: has neither mask/ nor face/; fix: name"):
        check_shadow(settings(tmp_path, model=str(tmp_path / "nothing")))
    check_shadow(settings(tmp_path, model=str(other)))
    (other / "mask/model.toml").write_text("name = 1")
    with pytest.raises(ModelError, match=r"model\.toml"):
        check_shadow(settings(tmp_path, model=str(other)))


def test_in_aggregate_mode_nothing_is_compared(tmp_path, other):
    models, lens = load_models(Settings(), profile="live"), LensHealth(patience_s=1, moved_s=1)
    private = settings(tmp_path, model=str(other)).model_copy(update={"privacy": PrivacySettings(aggregate=True)})
    with Components() as keep:
        assert build_shadow(private, models, lens, keep) == ()


def test_a_damaged_challenger_is_logged_and_the_service_goes_on(tmp_path, other, caplog):
    models, lens = load_models(Settings(), profile="live"), LensHealth(patience_s=1, moved_s=1)
    (other / "mask/model.toml").write_text("name = 1")
    with Components() as keep:
        assert build_shadow(settings(tmp_path, model=str(other)), models, lens, keep) == ()
    assert "shadow: no comparison" in caplog.text


@pytest.mark.timeout(240)
def test_a_service_publishes_the_comparison_survives_a_killed_challenger_and_keeps_the_counts(
    mosquitto: Mosquitto, tmp_path, other
):
    given = [*on(mosquitto), "--set", f"shadow.model={other}", "--set", "shadow.cpu_share=1.0"]
    given += ["--set", f"models.store={tmp_path}/store", "--set", "mqtt.stats_s=0.5"]
    ear, contract = OpenEar(mosquitto.port), Contract()
    watch = Watch("--source", "demo", *given)

    def newest() -> dict:
        heard = [json.loads(body) for body in ear.of(f"{TOP}/model/compare") if body]
        return heard[-1] if heard else {"mask": {"compared": 0, "crashes": 0}}

    assert eventually(lambda: newest()["mask"]["compared"] >= 2, 90)
    body = newest()
    assert ear.faults(contract) == []
    assert body["mask"]["agreement"]["value"] == 1.0, "the same network has the same verdict on the same crop"
    os.kill(worker_of(watch.process.pid), signal.SIGKILL)
    assert eventually(lambda: newest()["mask"]["crashes"] == 1, 60)
    code, _, err = watch.end()
    assert (code, "Traceback" in err) == (0, False)
    (kept,) = (tmp_path / "store/shadow").glob("mask-*.json")
    assert json.loads(kept.read_text())["crashes"] == 1


def worker_of(pid: int) -> int:
    """Return the process of the challenger that a service started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return next(int(n) for n in children if b"shadow_worker" in Path(f"/proc/{n}/cmdline").read_bytes())
