"""A package whose licence is not on the list, or that states none, is named."""

from __future__ import annotations

import pytest

from tests.release import licences
from tests.release.step import Failed
from tests.support.program import ROOT


def component(*entries: dict, name: str = "some-package") -> dict:
    return {"name": name, "version": "1.0", "licenses": list(entries)}


def of(identifier: str) -> dict:
    return {"license": {"id": identifier}}


@pytest.mark.parametrize(
    "expression",
    ["MIT", "EPL-2.0 OR BSD-3-Clause", "MPL-2.0 AND MIT", "(GPL-3.0-only OR MIT) AND Apache-2.0"],
)
def test_an_expression_that_leaves_an_allowed_choice_is_accepted(expression):
    assert licences.fault(component({"expression": expression})) == ""


@pytest.mark.parametrize(
    "expression",
    ["GPL-3.0-or-later", "MIT AND AGPL-3.0-only", "GPL-2.0-only WITH Classpath-exception-2.0", "nonsense !"],
)
def test_an_expression_that_leaves_none_is_named(expression):
    assert licences.fault(component({"expression": expression})) == (
        f"some-package 1.0 is under {expression}, which is not allowed"
    )


def test_each_of_several_licences_must_be_allowed():
    assert licences.fault(component(of("MIT"), of("GPL-2.0-only"))) == (
        "some-package 1.0 is under GPL-2.0-only, which is not allowed"
    )


def test_a_classifier_is_read_as_its_licence():
    entry = {"license": {"name": "License :: OSI Approved :: Apache Software License"}}
    assert licences.fault(component(entry)) == ""
    entry = {"license": {"name": "License :: OSI Approved :: GNU General Public License v3 (GPLv3)"}}
    assert "GNU General Public License" in licences.fault(component(entry))


def test_a_package_without_a_licence_is_named():
    assert licences.fault(component()) == "some-package 1.0 states no licence"


def test_words_are_read_as_their_licence():
    assert licences.fault(component({"license": {"name": "3-Clause BSD License"}})) == ""


def test_one_package_that_is_not_allowed_fails_the_step(monkeypatch):
    components = [component(of("MIT")), component(of("GPL-3.0-only"), name="copyleft")]
    monkeypatch.setattr(licences, "bill", lambda _root: {"components": components})
    with pytest.raises(Failed, match=r"^1 of 2 components without an allowed licence$") as failed:
        licences.check(ROOT)
    assert failed.value.log == "copyleft 1.0 is under GPL-3.0-only, which is not allowed"
