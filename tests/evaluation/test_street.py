"""What the shadow on the street shows without labels."""

from __future__ import annotations

from edge.evaluation.street import Bounds, on_the_street
from edge.monitor.comparison import Comparison

SURE, OTHER, UNSURE = "with_mask", "without_mask", "unsure"


def counts(*verdicts, crashes=0, slower=1.0, kind="mask"):
    """Return counts of (champion, challenger, size, how often)."""
    made = Comparison(kind)
    for champion, challenger, size, n in verdicts:
        for _ in range(n):
            made.add(champion, challenger, size, 1)
    for model, seconds in (("champion", 0.002), ("challenger", 0.002 * slower)):
        made.took(model, seconds)
    made.crashes = crashes
    return made


def refused(made, bounds=None):
    return [finding.sentence for finding in on_the_street(made, bounds or Bounds()) if not finding.passes]


def test_a_challenger_that_agrees_has_no_fault():
    (finding,) = on_the_street(counts((SURE, SURE, 3, 390), (SURE, OTHER, 3, 10)), Bounds())
    assert finding.passes
    assert finding.sentence == "no fault on the street; they agree on 0.975 of 400 faces"


def test_too_few_faces_are_refused_unless_the_street_is_not_asked():
    few = counts((SURE, SURE, 3, 299))
    assert refused(few) == [
        "the shadow has compared 299 faces of 300; fix: let it run on, or set gate.shadow_faces",
    ]
    assert on_the_street(few, Bounds(faces=0)) == []


def test_a_crash_is_a_fault():
    assert refused(counts((SURE, SURE, 3, 400), crashes=1)) == ["the challenger crashed or hung 1 times on the street"]


def test_a_challenger_that_takes_longer_is_a_fault():
    assert refused(counts((SURE, SURE, 3, 400), slower=1.2)) == []
    (sentence,) = refused(counts((SURE, SURE, 3, 400), slower=2.5))
    assert "of the processor where the champion takes" in sentence


def test_a_challenger_that_is_unsure_more_often_is_a_fault():
    assert refused(counts((SURE, SURE, 3, 385), (SURE, UNSURE, 3, 15))) == []
    (sentence,) = refused(counts((SURE, SURE, 3, 360), (SURE, UNSURE, 3, 40)))
    assert sentence == "it is unsure of 0.100 of the faces, the champion of 0.000"


def test_a_size_in_which_they_disagree_is_a_fault_once_it_is_certain():
    most = (SURE, SURE, 3, 400)
    assert refused(counts(most, (SURE, SURE, 0, 3), (SURE, OTHER, 0, 2))) == []
    (sentence,) = refused(counts(most, (SURE, SURE, 0, 30), (SURE, OTHER, 0, 20)))
    assert sentence == "they disagree on 0.400 of 50 faces in 16-24 px"


def test_a_face_model_is_asked_for_crashes_time_and_disagreement():
    assert refused(counts(("found", "found", 3, 400), kind="face")) == []
    assert len(refused(counts(("found", "found", 3, 400), ("found", "missed", 3, 300), kind="face", crashes=2))) == 3
