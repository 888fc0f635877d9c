"""The counts of a comparison, and what is published of them."""

from __future__ import annotations

import json

import jsonschema
import pytest

from edge.monitor.comparison import Comparison
from edge.monitor.shadow_counts import counts_file, keep_counts, kept_counts, of_all_cameras
from edge.tflite import read_spec
from tests.support.program import ROOT

MASK = read_spec(ROOT / "models/mask")
OTHER = MASK.model_copy(update={"sha256": "ab" * 32})


def compared():
    made = Comparison("mask")
    for _ in range(8):
        made.add("with_mask", "with_mask", 3, 1)
    made.add("with_mask", "unsure", 0, 1)
    made.add("without_mask", "unsure", 0, 0)
    made.add("without_mask", "with_mask", 0, 0)
    made.add("with_mask", "unsure", 0, 1)
    return made


def test_agreement_is_counted_in_all_by_size_and_by_light():
    body = compared().body()
    assert (body["compared"], body["agreement"]["value"]) == (12, 0.6667)
    assert [body["by_size_px"][name]["n"] for name in ("16-24", "24-40", "40-80", "80-")] == [4, 0, 0, 8]
    assert body["by_size_px"]["16-24"]["value"] == 0
    assert body["by_size_px"]["24-40"]["value"] is None
    assert (body["by_light"]["medium"]["n"], body["by_light"]["medium"]["value"]) == (10, 0.8)


def test_disagreements_are_listed_by_kind_the_most_frequent_first():
    first, *others = compared().body()["disagreements"]
    assert first == {"champion": "with_mask", "challenger": "unsure", "n": 2}
    assert {(one["champion"], one["challenger"], one["n"]) for one in others} == {
        ("without_mask", "unsure", 1),
        ("without_mask", "with_mask", 1),
    }


def test_unsure_is_the_share_of_each_model():
    unsure = compared().body()["unsure"]
    assert (unsure["champion"]["value"], unsure["challenger"]["value"]) == (0.0, 0.25)


def test_times_have_quantiles_to_a_fifth():
    made = Comparison("mask")
    for n in range(100):
        made.took("challenger", 0.002 if n < 90 else 0.04)
    times = made.body()["cpu_ms"]
    assert times["challenger"]["p50"] == pytest.approx(2, rel=0.2)
    assert times["challenger"]["p95"] == pytest.approx(40, rel=0.2)
    assert times["champion"] == {"p50": None, "p95": None, "n": 0}
    assert made.median_ms("challenger") == times["challenger"]["p50"]


def test_times_beyond_all_bins_are_in_the_last_and_the_first():
    made = Comparison("face")
    made.took("champion", 1e6)
    made.took("champion", 0.0)
    assert (made.times[0, 0], made.times[0, -1]) == (1, 1)


@pytest.mark.parametrize("kind", ["mask", "face"])
def test_the_counts_are_the_same_after_a_restart(tmp_path, kind):
    made = Comparison(kind)
    made.add(*(("unsure", "with_mask") if kind == "mask" else ("missed", "found")), 2, 2)
    made.took("champion", 0.01)
    made.crashes = 3
    path = counts_file(tmp_path, kind, (MASK, OTHER), "main")
    keep_counts(path, made)
    assert kept_counts(path).body() == made.body()


def test_counts_of_other_shapes_are_set_aside(tmp_path, caplog):
    path = tmp_path / "a.json"
    for text in ("", "[]", '{"kind":"mask","verdicts":[1],"times":[2],"crashes":0}', '{"kind":"nose"}'):
        path.write_text(text)
        assert kept_counts(path) is None
    assert caplog.text.count("begin at 0") == 4
    assert kept_counts(tmp_path / "absent.json") is None


def test_the_counts_of_all_cameras_are_added_and_those_of_other_models_are_not(tmp_path):
    for camera, models in (("main", (MASK, OTHER)), ("back", (MASK, OTHER)), ("main", (OTHER, MASK))):
        keep_counts(counts_file(tmp_path, "mask", models, camera), compared())
    assert of_all_cameras(tmp_path, "mask", (MASK, OTHER)).compared == 24
    assert of_all_cameras(tmp_path, "face", (MASK, OTHER)).compared == 0


def test_a_folder_that_cannot_be_written_is_logged(tmp_path, caplog):
    (tmp_path / "shadow").write_text("a file")
    keep_counts(counts_file(tmp_path, "mask", (MASK, OTHER), "main"), compared())
    assert "cannot be kept" in caplog.text


def test_old_pairs_are_removed(tmp_path):
    for number in range(45):
        other = MASK.model_copy(update={"sha256": f"{number:064d}"})
        other = other.model_copy(update={"sha256": f"{number:02d}" * 32})
        keep_counts(counts_file(tmp_path, "mask", (MASK, other), "main"), compared())
    assert len(list((tmp_path / "shadow").iterdir())) == 40


def test_what_is_published_is_as_the_schema_states():
    schema = json.loads((ROOT / "docs/schemas/model-compare.json").read_text())
    head = {"schema": 1, "session": "a", "t": "2026-11-27T01:06:21.736Z"}
    of = {"champion": MASK.identity, "challenger": OTHER.identity}
    bodies = {kind: {**of, **Comparison(kind).body()} for kind in ("mask", "face")}
    jsonschema.validate({**head, **bodies}, schema)
    jsonschema.validate({**head, "mask": {**of, **compared().body()}}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**head, "mask": {**of, **compared().body(), "image": "aGk="}}, schema)
