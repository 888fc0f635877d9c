"""The documents: pages written from the code are up to date, and every link inside the clone leads somewhere."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from edge import reference
from tests.release.step import Failed, tracked


def check(root: Path) -> str:
    """Return how many links were followed; links to other places are counted only, since the network may be absent."""
    stale = [name for name, text in reference.texts().items() if (root / name).read_text("utf-8") != text]
    if stale:
        raise Failed(f"{', '.join(stale)}: not what the code writes; fix: make reference")
    files = set(tracked(root))
    documents = sorted(path for path in files if path.suffix == ".md")
    followed = [(name, link) for name in documents for link in links(root / name)]
    outside = sorted({link for _, link in followed if is_outside(link)})
    wrong = [f"{name}: {link}" for name, link in followed if is_broken(link, root / name, root, files)]
    if wrong:
        raise Failed(f"{len(wrong)} links lead nowhere", "\n".join(wrong))
    inside = len(followed) - sum(is_outside(link) for _, link in followed)
    return f"{len(documents)} documents, {inside} links inside lead somewhere, {len(outside)} other addresses not tried"


def is_outside(link: str) -> bool:
    """Return whether a link leaves the clone."""
    return re.match(r"[a-z][a-z0-9+.-]*:", link) is not None


def is_broken(link: str, document: Path, root: Path, files: set[Path]) -> bool:
    """Return whether a link of a document leads to none of the files, or to no anchor of one."""
    if is_outside(link):
        return False
    path, _, anchor = link.partition("#")
    target = (document.parent / path).resolve() if path else document.resolve()
    if not target.is_relative_to(root.resolve()):
        return True
    name = target.relative_to(root.resolve())
    if name not in files and not any(name in file.parents for file in files):
        return True
    return bool(anchor) and (target.suffix != ".md" or anchor not in anchors(target))


def links(document: Path) -> list[str]:
    """Return the targets of the links and pictures of a document."""
    found = []
    for token in _tokens(document):
        found += [str(token.attrs[name]) for name in ("href", "src") if name in token.attrs]
        found += [value for name, value in _html(token) if name in ("href", "src")]
    return found


@cache
def anchors(document: Path) -> frozenset[str]:
    """Return the anchors of a document: those that GitHub makes of its headings, and those set in HTML."""
    seen: Counter[str] = Counter()
    found = set()
    tokens = _tokens(document)
    for heading, content in pairwise(tokens):
        found |= {value for name, value in _html(heading) if name in ("id", "name")}
        if heading.type == "heading_open":
            slug = re.sub(r"[^\w\- ]", "", _text(content).lower()).replace(" ", "-")
            found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
            seen[slug] += 1
    return frozenset(found)


def _tokens(document: Path) -> list[Token]:
    """Return the tokens of a document, each followed by those in it."""
    blocks = MarkdownIt("commonmark").enable("table").parse(document.read_text("utf-8"))
    return [token for block in blocks for token in (block, *(block.children or ()))]


def _text(token: Token) -> str:
    return "".join(child.content for child in token.children or () if child.type in ("text", "code_inline"))


def _html(token: Token) -> list[tuple[str, str]]:
    """Return the attributes of the tags in a token of HTML."""
    if not token.type.startswith("html_"):
        return []
    found: list[tuple[str, str]] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda _tag, attrs: found.extend((name, value or "") for name, value in attrs)  # type: ignore[method-assign]
    parser.feed(token.content)
    return found
