"""`maskwatch detect --summary`: the page as its reader opens it, from a folder and without a network."""

from __future__ import annotations

import json
import os
import re
import shutil
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from edge.batch.page_parts import element, stacked_bars, table, to_html
from edge.batch.summary_page import summary_page
from edge.batch.tally import Tally
from edge.settings.load import load
from tests.support.needs import need
from tests.support.program import maskwatch

HOSTILE = "<img src=x onerror=\"document.title='owned'\">.jpg"
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


def row(source: str, *labels: str) -> dict:
    faces = [{"box": [0.0, 0.0, 9.0, 40.0], "score": 1.0, "label": label, "confidence": 0.5} for label in labels]
    return {"source": source, "frame": 0, "t_s": 0.0, "width": 100, "height": 100, "faces": faces}


def page_of(*rows: dict, bad: tuple[str, ...] = (), page: Path = Path("/x/page.html"), overrides=()) -> str:
    tally = Tally()
    for one in rows:
        tally.write(one)
    for reason in bad:
        tally.add_bad(reason)
    tally.close()
    return summary_page(tally, page, load(system_file=None, overrides=overrides), {})


@pytest.fixture(scope="module")
def written(tmp_path_factory, demo_picture, demo_video) -> Path:
    folder = tmp_path_factory.mktemp("batch")
    (folder / "in").mkdir()
    shutil.copy(demo_picture, folder / "in" / HOSTILE.replace("/", ""))
    shutil.copy(demo_video, folder / "in/clip.mp4")
    (folder / "in/bad.jpg").write_bytes(b"no picture")
    done = maskwatch(
        "detect", folder / "in", "--every", 1, "--summary", folder / "page.html", "--json", folder / "o.jsonl"
    )
    assert done.returncode == 1
    return folder / "page.html"


def test_it_has_the_counts_of_the_rows_and_the_reason_of_each_bad_input(written):
    text = written.read_text("utf-8")
    faces = sum(len(json.loads(line)["faces"]) for line in (written.parent / "o.jsonl").read_text().splitlines())
    assert "<h1>1 image and 1 video</h1>" in text
    assert f"<dt>Faces</dt><dd>{faces}</dd>" in text
    assert "bad.jpg: is not an image" in text


def test_it_names_models_and_the_settings_that_are_not_the_defaults():
    text = page_of(row("a.jpg"), overrides=["alert.dwell_s=3", "camera.source=rtsp://u:hush@cam/live"])
    assert "<dt>alert.dwell_s</dt><dd><code>3.0</code></dd>" in text
    assert "rtsp://cam/live" in text
    assert "hush" not in text


def test_it_loads_nothing_and_holds_no_image_of_anybody(written):
    found = set()
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: found.update({tag}, dict(attributes))
    parser.feed(written.read_text("utf-8"))
    assert found & {"img", "script", "link", "iframe", "image", "use", "object", "video", "src"} == set()
    assert {"svg", "rect", "href"} <= found
    assert "data:" not in written.read_text("utf-8")
    assert "url(" not in written.read_text("utf-8")


@pytest.mark.parametrize(
    ("source", "link"),
    [
        ("/x/in/a b#1.jpg", 'href="in/a%20b%231.jpg"'),
        ("/y/a.jpg", 'href="../y/a.jpg"'),
        ("https://host/a.jpg", 'href="https://host/a.jpg"'),
        (os.fsdecode(b"/x/caf\xe9.jpg"), 'href="caf%E9.jpg"'),
        ("/x/in/javascript:alert(1).jpg", 'href="in/javascript%3Aalert%281%29.jpg"'),
        ("/x/javascript:alert(1)", 'href="javascript%3Aalert%281%29"'),
    ],
)
def test_a_link_leads_to_the_file_from_wherever_the_page_is(source, link):
    assert link in page_of(row(source, "unsure"))


def test_an_address_with_a_secret_is_named_and_linked_without_it():
    text = page_of(row("https://user:hush@host/a.jpg?token=hush", "unsure"))
    assert '<a href="https://host/a.jpg">https://host/a.jpg</a>' in text
    assert "hush" not in text


def test_a_batch_without_a_face_and_one_without_any_input_have_a_page():
    assert "<h1>1 image</h1>" in page_of(row("a.jpg"))
    empty = page_of(bad=("a.jpg: is empty",))
    assert "a.jpg: is empty" in empty
    assert "<h1>No image and no video</h1>" in empty


def test_equal_rows_give_an_equal_page():
    rows = [row(f"{k}.jpg", "unsure", "without_mask") for k in range(200)]
    assert page_of(*rows) == page_of(*rows)


def heights(plot: str, label: str) -> list[float]:
    return [float(found) for found in re.findall(rf'<rect class="{label}"[^>]*height="([\d.]+)"', plot)]


def test_bars_are_as_high_as_their_counts_and_stand_on_each_other():
    plot = to_html(stacked_bars({"a": [2, 0, 1], "b": [2, 0, 0]}, ["0", "3"], "d"))
    assert heights(plot, "a") == [50, 25]
    assert heights(plot, "b") == [50]
    assert re.findall(r' y="([\d.]+)" height', plot) == ["50", "75", "0"]


@pytest.mark.parametrize(
    ("highest", "ticks"),
    [
        (0, ["1", "0"]),
        (1, ["1", "0.75", "0.5", "0.25", "0"]),
        (30, ["30", "20", "10", "0"]),
        (4.1, ["6", "4", "2", "0"]),
    ],
)
def test_the_y_axis_has_round_numbers_up_to_the_highest_bar(highest, ticks):
    assert re.findall(r"<span>([\d.]+)</span>", to_html(stacked_bars({"a": [highest]}, [], "d"))) == ticks


def test_texts_are_escaped():
    assert to_html(element("p", "<b>", element("i"), "&", class_='"')) == '<p class="&quot;">&lt;b&gt;<i></i>&amp;</p>'
    assert "<script>" not in to_html(table("<script>", ["<script>"], [["<script>"]]))


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright has no wheel for this machine")
    program = need("chromium", "libatomic.so.1")
    rights = ["--no-sandbox"] if os.getuid() == 0 else []
    with sync_api.sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=program, args=rights)
        yield made
        made.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_a_browser_shows_it_without_a_request_an_error_or_scrolling_sideways(browser, written, size, scheme):
    context = browser.new_context(viewport=size, color_scheme=scheme, offline=True)
    page, complaints, requests = context.new_page(), [], []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(written.as_uri())
    assert (requests, complaints) == ([written.as_uri()], [])
    assert page.title() == "maskwatch: 1 image and 1 video"
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    assert page.get_by_role("img", name="Faces by confidence").locator("rect").count() > 0
    levels = page.eval_on_selector_all("h1, h2, h3", "all => all.map(one => Number(one.tagName[1]))")
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    page.get_by_text("Show as a table").first.click()
    assert page.get_by_role("columnheader", name="Worn wrongly").first.is_visible()
    letters = page.locator("th[scope=col]:visible").evaluate_all("all => all.map(one => one.clientHeight)")
    assert max(letters) < 45, "a heading is broken into letters"
    context.close()


def test_a_link_opens_the_file(browser, written):
    context = browser.new_context()
    page = context.new_page()
    page.goto(written.as_uri())
    with page.expect_navigation():
        page.get_by_role("link", name="<img").first.click()
    assert page.evaluate("document.images[0].naturalWidth") == 960
    context.close()


def test_a_page_that_cannot_be_written_is_one_sentence(demo_picture):
    done = maskwatch("detect", demo_picture, "--summary", "/dev/full")
    assert done.returncode == 78
    assert done.stderr == "maskwatch: /dev/full: cannot be written: No space left on device\n"
