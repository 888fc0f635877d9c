"""Links that lead nowhere are found, in whichever way they are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.release import documents
from tests.release.step import Failed, run, tracked
from tests.support.program import ROOT

PAGE = """\
# The page

Text with `code`.

## With `code`, twice!

## With `code`, twice!

<a id="set-by-hand"></a>
"""
DOCUMENTS = [path for path in tracked(ROOT) if path.suffix == ".md"]


@pytest.fixture
def clone(tmp_path):
    """Return a clone with a page in docs/, a picture, and a file that is not tracked."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/page.md").write_text(PAGE)
    (tmp_path / "picture.png").write_bytes(b"")
    run("git", "init", "-q", ".", cwd=tmp_path)
    run("git", "add", ".", cwd=tmp_path)
    (tmp_path / "local.md").write_text("# Local\n")
    return tmp_path


def broken(clone: Path, text: str) -> list[str]:
    document = clone / "README.md"
    document.write_text(text)
    files = set(tracked(clone))
    return [link for link in documents.links(document) if documents.is_broken(link, document, clone, files)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_every_link_of_a_document_leads_to_a_file_and_to_a_heading_of_it(document):
    files = set(tracked(ROOT))
    links = documents.links(ROOT / document)
    assert [link for link in links if documents.is_broken(link, ROOT / document, ROOT, files)] == []


@pytest.mark.parametrize(
    "link",
    [
        "docs/page.md",
        "docs",
        "docs/page.md#the-page",
        "docs/page.md#with-code-twice",
        "docs/page.md#with-code-twice-1",
        "docs/page.md#set-by-hand",
        "https://example.org/no-such-page",
        "mailto:somebody@example.org",
    ],
)
def test_a_link_that_leads_somewhere_is_accepted(clone, link):
    assert broken(clone, f"[text]({link})") == []


@pytest.mark.parametrize(
    "link",
    ["docs/other.md", "docs/page.md#nothing", "docs/page.md#with-code-twice-2", "#nothing", "local.md", "../x.md"],
)
def test_a_link_that_leads_nowhere_is_found(clone, link):
    assert broken(clone, f"[text]({link})") == [link]


@pytest.mark.parametrize(
    "text",
    [
        "![picture](gone.png)",
        '<img src="gone.png">',
        '| a |\n|---|\n| <a href="gone.png">cell</a> |',
        "[text][1]\n\n[1]: gone.png",
        "| a |\n|---|\n| [cell](gone.png) |",
    ],
)
def test_every_kind_of_link_is_followed(clone, text):
    assert broken(clone, text) == ["gone.png"]


def test_what_a_block_of_code_shows_is_no_link(clone):
    assert broken(clone, "    [text](gone.md)\n\n`[text](gone.md)`") == []


def test_a_broken_link_fails_the_step(tmp_path, monkeypatch):
    monkeypatch.setattr(documents.reference, "texts", dict)
    (tmp_path / "README.md").write_text("[one](README.md) [two](gone.md) [three](https://example.org)")
    run("git", "init", "-q", ".", cwd=tmp_path)
    run("git", "add", ".", cwd=tmp_path)
    with pytest.raises(Failed, match=r"^1 links lead nowhere$") as failed:
        documents.check(tmp_path)
    assert failed.value.log == "README.md: gone.md"


def test_a_page_that_the_code_would_write_differently_fails_the_step(tmp_path, monkeypatch):
    monkeypatch.setattr(documents.reference, "texts", lambda: {"page.md": "new"})
    (tmp_path / "page.md").write_text("old")
    with pytest.raises(Failed, match=r"^page.md: not what the code writes; fix: make reference$"):
        documents.check(tmp_path)
