"""Write the files that are made from the code: the default settings, and the reference pages of the documentation.

`make reference` (python -m edge.reference) writes them in a clone; a test compares them.
"""

from __future__ import annotations

from pathlib import Path

from edge.cli import app
from edge.commands.reference import command_line_page
from edge.settings.reference import default_toml, settings_page

ROOT = Path(__file__).resolve().parent.parent


def texts() -> dict[str, str]:
    """Return the text of each file that is made from the code, by its path in the clone."""
    return {
        "config/default.toml": default_toml(),
        "docs/settings.md": settings_page(),
        "docs/command-line.md": command_line_page(app),
    }


def write() -> None:
    """Write all of them."""
    for name, text in texts().items():
        (ROOT / name).write_text(text, "utf-8")


if __name__ == "__main__":
    write()
