"""The files that are made from the code are those that it makes now."""

from __future__ import annotations

import pytest

from edge import reference


@pytest.mark.parametrize("name", sorted(reference.texts()))
def test_the_file_is_what_the_code_makes_fix_make_reference(name):
    assert (reference.ROOT / name).read_text("utf-8") == reference.texts()[name]


def test_the_page_of_the_settings_names_which_values_each_takes():
    rows = [line for line in reference.texts()["docs/settings.md"].splitlines() if line.startswith("| `")]
    cells = {row.split("|")[1].strip(" `"): row.split("|")[3].strip() for row in rows if row.count("|") == 5}
    assert cells["camera.rotate"] == "`0`, `90`, `180`, `270`"
    assert cells["camera.fps_hz"] == "number above 0 to 120"
    assert cells["mqtt.port"] == "whole number from 0 to 65535"
    assert cells["notice.phrase"] == "text of up to 200 characters or table of texts"


def test_the_page_of_the_commands_has_every_command_option_and_exit_code():
    page = reference.texts()["docs/command-line.md"]
    for text in (
        "\n## detect\n",
        "\n    maskwatch detect PATH... [OPTIONS]\n",
        "| `--json FILE` |",
        "| `--quiet`, `-q` |",
        "| `--frames NUMBER` | Process at most this many frames. Default: `400`. |",
        "| 78 | `ConfigError`: ",
        "| 66 | `NotRunning`: ",
    ):
        assert text in page
    assert "--with-watch" not in page, "hidden"
