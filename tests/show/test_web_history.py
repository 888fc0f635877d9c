"""The history on the web page: what it answers, and what a user finds in a real Chromium."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import quote

import pytest

from edge.history.records import EpisodeRecord, PeopleCount
from edge.history.store import HistoryStore
from tests.support import browser as browser_support
from tests.support.browser import axe_findings
from tests.support.fakes import eventually
from tests.support.pages import Site

NOW, ALERTS = 1_800_000_000.0, 120
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("history")
    labels = ["without_mask", "incorrect_mask"]
    rows = [EpisodeRecord(f"e{k}", labels[k % 2], NOW + 60 * k, 1.0 + k, "gone", 0.9, True) for k in range(ALERTS)]
    hours = [PeopleCount(int(NOW) + 3600 * k, label, 2) for k in range(30) for label in ("with_mask", "without_mask")]
    with closing(HistoryStore(folder / "maskwatch/history-main.db", days=3650, max_bytes=10**8)) as store:
        store.write(rows, hours, NOW)
    made = Site(folder / "scene.sock", folder)
    yield made
    made.end()


@pytest.fixture(scope="module")
def cookie(site) -> str:
    return site.log_in()


def test_alerts_come_newest_first_with_word_of_older_ones(site, cookie):
    answer = json.loads(site.ask("GET", "/history/alerts.json", Cookie=cookie).text)
    assert [alert["event_id"] for alert in answer["alerts"]] == [f"e{k}" for k in range(119, 69, -1)]
    assert answer["more"]
    until = quote(answer["alerts"][-1]["opened"])
    older = json.loads(site.ask("GET", f"/history/alerts.json?until={until}", Cookie=cookie).text)
    assert older["alerts"][0]["event_id"] == "e69"
    asked = "/history/alerts.json?label=incorrect_mask&at_least=118s&at_most=2min"
    assert [a["event_id"] for a in json.loads(site.ask("GET", asked, Cookie=cookie).text)["alerts"]] == ["e119", "e117"]


def test_people_and_both_files_can_be_downloaded(site, cookie):
    people = json.loads(site.ask("GET", "/history/people.json?until=2027-01-15T09:00Z", Cookie=cookie).text)
    assert people == {
        "hours": [{"hour": "2027-01-15T08:00:00.000Z", "with_mask": 2, "without_mask": 2, "incorrect_mask": 0}]
    }
    alerts = site.ask("GET", "/history/alerts.csv?label=without_mask", Cookie=cookie)
    assert alerts.headers["Content-Disposition"] == "attachment; filename=alerts.csv"
    assert len(alerts.text.splitlines()) == 1 + ALERTS // 2
    assert len(site.ask("GET", "/history/people.csv", Cookie=cookie).text.splitlines()) == 31


@pytest.mark.parametrize(
    "query",
    [
        "since=yesterday",
        "until=%00",
        "label=%27%20OR%201=1--",
        "at_least=1e9",
        "at_most=%F0%9F%98%B7",
        "since=" + "9" * 900,
    ],
)
def test_a_wrong_search_gets_one_sentence(site, cookie, query):
    answer = site.ask("GET", f"/history/alerts.csv?{query}", Cookie=cookie)
    assert (answer.status, answer.text.count("\n")) == (400, 1)
    assert "must be" in answer.text


@pytest.mark.parametrize("path", ["alerts.json", "people.json", "alerts.csv", "people.csv"])
def test_nothing_of_the_history_is_served_without_a_session(site, path):
    answer = site.ask("GET", f"/history/{path}")
    assert (answer.status, answer.text) == (401, "Log in first.\n")


def test_a_device_without_a_history_says_so(tmp_path):
    site = Site(tmp_path / "scene.sock", tmp_path)
    answer = site.ask("GET", "/history/alerts.json", Cookie=site.log_in())
    assert (answer.status, "there is no history yet" in answer.text) == (404, True)
    site.end()


@pytest.fixture(scope="module")
def browser():
    with browser_support.chromium() as made:
        yield made


def open_history(browser, site: Site, **context):
    page = browser.new_context(viewport=DESKTOP, timezone_id="UTC", **context).new_page()
    page.goto(f"http://127.0.0.1:{site.port}/history")  # leads to the login
    page.get_by_label("Token of this device").fill(site.token)
    page.get_by_role("button", name="Log in").click(no_wait_after=True)
    page.get_by_role("link", name="History").click()
    page.get_by_label("From").fill("2027-01-01")
    page.get_by_role("button", name="Search").click()
    page.locator("#found tbody tr").first.wait_for()
    return page


def test_an_operator_searches_and_reads_on(browser, site):
    page = open_history(browser, site)
    rows = page.locator("#found tbody tr")
    assert eventually(lambda: rows.count() == 50)
    assert "Worn wrongly\t2 min 0 s\tleft" in rows.first.inner_text()
    page.get_by_role("button", name="Older alerts").click()
    assert eventually(lambda: rows.count() == 100)
    page.get_by_label("Label").select_option("without_mask")
    page.get_by_label("At least").fill("1min")
    page.get_by_role("button", name="Search").click()
    assert eventually(lambda: rows.count() == 30)
    assert not page.get_by_role("button", name="Older alerts").is_visible()
    friday = page.locator("#week tbody tr").nth(4).locator("td")
    assert friday.nth(8).inner_text() == "4"  # 15 January 2027, 8 o'clock
    assert friday.nth(7).inner_text() == "0"
    page.get_by_label("Count").select_option("with_mask")
    assert friday.nth(8).inner_text() == "2"
    page.get_by_label("At least").fill("long")
    page.get_by_role("button", name="Search").click()
    assert eventually(lambda: "at least: long: must be" in page.locator("#error").inner_text())


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_axe_finds_nothing_on_the_history(browser, site, tmp_path, size, scheme):
    page = open_history(browser, site, color_scheme=scheme)
    page.set_viewport_size(size)
    assert axe_findings(page, browser_support.axe_source(tmp_path)) == []
