"""The words of a private dialect that were replaced by the field's own stay out of code, messages and documents."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PRODUCT = (
    "edge",
    "config",
    "systemd",
    "docs",
    "examples",
    "benchmarks",
    "models",
    "README.md",
    "SECURITY.md",
    "setup.py",
)
SUFFIXES = {".py", ".md", ".toml", ".sh", ".service", ".conf", ".html", ".js", ".css", ".json", ".in"}

RETIRED = {
    r"mend(s|ed|ing)?": "fix",
    r"odd": "warning",
    r"ails?|fares?|bears it|bore|borne": "problem, status, host metrics",
    r"tells?|told|telling": "log, publish, report, display, notify",
    r"says?|said|saying": "set, state, specify, print",
    r"looks?|looked|looking|glimpses?|lends?": "check, inspect, preview",
    r"mute": "unresponsive",
    r"practi[cs]es?": "test alert",
    r"judged|judges (faces|masks|them)": "classified",
    r"troubles?": "problem, error, fault",
    r"wishes": "remote commands",
    r"blinkers|no-look zones?": "privacy zone",
    r"manners": "notice timing",
    r"census": "aggregate counts",
    r"bulletins?": "feed",
    r"weather": "transient error",
    r"in cipher": "over TLS",
    r"thrown out": "disconnected",
    r"whoever|beside|besides": "another word",
    r"somebody's hand": "needs attention",
    r"to the letter|at the most often|of our own|the very same": "another phrase",
    r"bytes a frame|(frames|images|pictures|times|seconds) a (frame|second|minute|device)": "per",
}
"""Each word with what to write in its place; whole words, of any case."""

LEGITIMATE = (
    r"[Ll]ook(s|ed)?[- ]ups?|look(s|ed|ing)? (for|into (the camera|it))",
    r"judged by|says thank you",
    r"no_look",
    r"[`\"']mute\b|MUTE = \"mute\"|\bMUTE\b|LinkState\.MUTE",
    r"\.tell\(\)",
)
"""Where a retired word is the right one: wire values, keys, a file's position, and what people do with their eyes."""


def texts() -> list[tuple[str, str]]:
    """Return each line of the product with its file and number, without what is legitimate."""
    roots = [ROOT / name for name in PRODUCT]
    files = [path for root in roots for path in ([root] if root.is_file() else sorted(root.rglob("*")))]
    legitimate = re.compile("|".join(LEGITIMATE))
    return [
        (f"{path.relative_to(ROOT)}:{number}", legitimate.sub("", line))
        for path in files
        if path.suffix in SUFFIXES and "node_modules" not in path.parts
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
    ]


LINES = texts()


@pytest.mark.parametrize("word", RETIRED)
def test_a_retired_word_is_written_nowhere(word):
    found = re.compile(rf"(?<![\w-])({word})(?![\w-])", re.IGNORECASE)
    hits = [f"{where}: {line.strip()[:120]}" for where, line in LINES if found.search(line)]
    assert hits == [], f"write instead: {RETIRED[word]}\n" + "\n".join(hits)
