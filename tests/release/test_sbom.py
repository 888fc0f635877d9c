"""The bill names the models by hash and licence, and a bill that is not CycloneDX is refused."""

from __future__ import annotations

import json

import pytest

from tests.release import cards, sbom
from tests.release.step import Failed
from tests.support.program import ROOT

EMPTY = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1}


def test_each_model_is_a_component_with_hash_and_licence():
    models = sbom.models(ROOT / "models")
    assert len(models) == len(cards.files(ROOT / "models"))
    assert {model["licenses"][0]["license"]["id"] for model in models} == {"MIT"}
    assert len({model["hashes"][0]["content"] for model in models}) == len(models)
    sbom.validate(json.dumps(EMPTY | {"components": models}))


@pytest.mark.parametrize("wrong", [{"components": [{"name": "no type"}]}, {"specVersion": "1.6", "versions": 1}])
def test_a_bill_that_is_not_cyclonedx_is_refused(wrong):
    with pytest.raises(Failed, match=r"^the bill is not valid CycloneDX 1\.6$") as failed:
        sbom.validate(json.dumps(EMPTY | wrong))
    assert failed.value.log


def test_the_bill_is_written_with_packages_and_models(tmp_path, monkeypatch):
    packages = [{"type": "library", "name": "some-package", "version": "1.0"}]
    bill = EMPTY | {"components": [*packages, *sbom.models(ROOT / "models")]}
    monkeypatch.setattr(sbom, "bill", lambda _root: bill)
    count = len(bill["components"]) - 1
    assert sbom.check(tmp_path) == f"build/release/sbom.cdx.json: 1 packages, {count} models, valid CycloneDX 1.6"
    assert json.loads((tmp_path / "build/release/sbom.cdx.json").read_text()) == bill


def test_a_licence_that_a_package_states_in_words_is_in_the_bill(tmp_path):
    pytest.importorskip("importlib_metadata")  # with it, a field that is absent is an error

    for name, words in {"worded": "3-Clause BSD License", "named": "GPL", "silent": ""}.items():
        folder = tmp_path / f"lib/python3/site-packages/{name}-1.dist-info"
        folder.mkdir(parents=True)
        licence = f"License: {words}\n" if words else ""
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n{licence}")
    mit = [{"license": {"id": "MIT"}}]
    components = [{"name": "worded"}, {"name": "named", "licenses": mit}, {"name": "silent"}]
    assert sbom.with_licences(components, tmp_path) == [
        {"name": "worded", "licenses": [{"license": {"name": "3-Clause BSD License"}}]},
        {"name": "named", "licenses": mit},
        {"name": "silent"},
    ]
