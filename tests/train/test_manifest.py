"""The manifest lists every image with source, licence, hash and labels, refuses damaged ones and names duplicates."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from models.train.manifest import dhash, manifest, twins
from models.train.sources import SOURCES, Role
from models.train.stamp import fresh, sha256, stamp
from tests.support.people import scene


@pytest.fixture
def pictures(tmp_path):
    """A folder with one source: two scenes, a smaller copy of the first, a damaged file, a tiny one, a missing one."""
    folder = tmp_path / "scenes_andrewmvd"
    folder.mkdir()
    first, second = scene(0)[0], scene(1)[0][:, 200:700]
    cv2.imwrite(str(folder / "first.png"), first)
    cv2.imwrite(str(folder / "second.png"), second)
    cv2.imwrite(str(folder / "copy.jpg"), cv2.resize(first, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
    cv2.imwrite(str(folder / "tiny.png"), first[:20, :20])
    (folder / "broken.png").write_bytes((folder / "first.png").read_bytes()[:40])
    box = [[10, 10, 50, 50, "with_mask"], [90, 10, 50, 50, "with_mask"]]
    names = ("first.png", "second.png", "copy.jpg", "tiny.png", "broken.png", "missing.png")
    (folder / "boxes.jsonl").write_text("".join(json.dumps({"file": name, "boxes": box}) + "\n" for name in names))
    return tmp_path


def test_every_image_is_listed_with_hash_size_labels_and_licence(pictures):
    lines = {line["file"]: line for line in manifest(pictures)}
    assert len(lines) == 6
    first = lines["first.png"]
    assert first["sha256"] == sha256(pictures / "scenes_andrewmvd" / "first.png")
    assert (first["width"], first["height"], first["labels"]) == (960, 540, {"with_mask": 2})
    assert first["licence"].startswith("CC0")
    assert first["role"] == "train"


def test_damaged_missing_and_tiny_images_are_refused(pictures):
    refused = {line["file"]: line["refused"] for line in manifest(pictures) if "refused" in line}
    unreadable = "missing or unreadable"
    assert refused == {"broken.png": unreadable, "missing.png": unreadable, "tiny.png": "too small"}


def test_a_smaller_copy_is_named_as_a_twin_and_another_scene_is_not(pictures):
    twin_of = {line["file"]: line.get("twin") for line in manifest(pictures)}
    assert twin_of["copy.jpg"] == "scenes_andrewmvd/first.png"
    assert twin_of["second.png"] is None


def test_hashes_are_twins_up_to_four_bits():
    assert twins([0, 0b1111, 0b111111111]) == {1: 0}
    assert dhash(np.zeros((20, 20, 3), np.uint8)) == 0


def test_a_source_without_a_licence_is_for_testing_only():
    assert all(entry.role is Role.TEST for entry in SOURCES if "none stated" in entry.licence)
    assert sum(entry.role is Role.TRAIN and not entry.optional for entry in SOURCES) == 3


def test_a_result_is_fresh_until_an_input_a_setting_or_the_result_changes(tmp_path):
    given, result = tmp_path / "given", tmp_path / "result"
    given.write_text("one")
    assert not fresh(result, [given], 1)
    stamp(result, [given], 1)
    assert not fresh(result, [given], 1)
    result.write_text("made")
    assert fresh(result, [given], 1)
    assert not fresh(result, [given], 2)
    given.write_text("two")
    assert not fresh(result, [given], 1)
    (tmp_path / "result.inputs.json").write_text("{")
    assert not fresh(result, [given], 1)
