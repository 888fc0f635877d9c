"""What differs between two sets of settings, as a diff and as the file that takes it over."""

from __future__ import annotations

import json
import tomllib

from edge.settings.compare import as_diff, differences, settings_file
from edge.settings.load import load
from edge.settings.schema import Environment
from tests.support.program import maskwatch
from tests.support.settings import NOWHERE

TRIED = """
[alert]
dwell_s = 2.5
[notice]
phrase = {de = "Abstand, bitte", en = "x\\ny"}
languages = ["de", "en"]
"""


def test_a_diff_has_both_values_below_each_other_with_the_layer_of_each(tmp_path):
    file = tmp_path / "tried.toml"
    file.write_text("[alert]\ndwell_s = 2.5\n[camera]\nsource = 'camera'\n")
    here, there = (
        load(Environment.PRODUCTION, system_file=NOWHERE),
        load(Environment.PRODUCTION, file, system_file=None),
    )
    assert as_diff(differences(here, there), "production", "tried.toml").splitlines() == [
        "--- production",
        "+++ tried.toml",
        "-alert.dwell_s = 1.0  # default.toml",
        f"+alert.dwell_s = 2.5  # {file}",
    ]


def test_the_file_makes_one_side_as_the_other_is(tmp_path):
    tried, moved = tmp_path / "tried.toml", tmp_path / "moved.toml"
    tried.write_text(TRIED)
    here, there = load(system_file=NOWHERE), load(file=tried, system_file=None)
    moved.write_text(settings_file(differences(here, there), "development", "tried.toml"))
    assert load(file=moved, system_file=NOWHERE).settings == there.settings != here.settings
    assert "dwell_s = 2.5 # here: 1.0, from default.toml" in moved.read_text()


def test_any_two_environments_can_be_made_alike(tmp_path):
    for one in Environment:
        for other in Environment:
            here, there = load(one, system_file=NOWHERE), load(other, system_file=NOWHERE)
            moved = tmp_path / "moved.toml"
            moved.write_text(settings_file(differences(here, there), one, other))
            assert load(one, moved, system_file=NOWHERE).settings == there.settings


def test_a_secret_is_in_neither_form(tmp_path):
    file = tmp_path / "tried.toml"
    file.write_text("[camera]\nsource = 'rtsp://me:hush@camera/s'\n")
    file.chmod(0o600)
    found = differences(load(system_file=NOWHERE), load(file=file, system_file=None))
    text = settings_file(found, "a", "b")
    assert "hush" not in as_diff(found, "a", "b") + text
    assert "# camera.source: its value there holds a secret; set it by hand" in text
    assert tomllib.loads(text) == {}


def test_the_command_prints_the_diff_the_json_and_the_file(tmp_path):
    file = tmp_path / "tried.toml"
    file.write_text(TRIED)
    printed = maskwatch("check", "--diff", file)
    assert printed.returncode == 0, printed.stderr
    assert printed.stdout.startswith(f"--- development\n+++ {file}\n")
    as_json = json.loads(maskwatch("check", "--diff", file, "--json", "-").stdout)
    assert as_json["alert.dwell_s"]["there"] == {"value": 2.5, "from": str(file)}
    assert tomllib.loads(maskwatch("check", "--diff", file, "--toml", "-").stdout)["alert"] == {"dwell_s": 2.5}
    same = maskwatch("check", "--diff", "development")
    assert same.stdout == "no setting differs between development and development\n"


def test_what_is_neither_an_environment_nor_a_file_is_refused_in_one_sentence(tmp_path):
    none = maskwatch("check", "--diff", "stagin")
    assert (none.returncode, none.stdout) == (66, "")
    assert "stagin: no such file, and no environment; fix: name one of development, staging" in none.stderr
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("[alert]\ndwel_s = 1\n")
    assert maskwatch("check", "--diff", wrong).returncode == 78
    assert maskwatch("check", "--toml", tmp_path / "x").returncode == 2
