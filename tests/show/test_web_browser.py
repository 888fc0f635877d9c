"""The web page in a real Chromium, as a technician uses it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from edge.data import EventType, Reason
from tests.support import browser as browser_support
from tests.support.browser import axe_findings
from tests.support.drift import drift_report
from tests.support.fakes import eventually
from tests.support.messages import alert
from tests.support.pages import PlayedService, Site

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright has no wheel for this machine")

PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
HOSTILE = "<img src=x onerror=\"document.title='owned'\">"


@pytest.fixture(scope="module")
def watch(tmp_path_factory) -> Iterator[PlayedService]:
    made = PlayedService(tmp_path_factory.mktemp("watch"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def site(watch, tmp_path_factory) -> Iterator[Site]:
    made = Site(watch.scene, tmp_path_factory.mktemp("state"))
    yield made
    made.end()


@pytest.fixture(scope="module")
def browser():
    with browser_support.chromium() as made:
        yield made


class Visit:
    """A browser of its own on the page; the errors of its console are kept."""

    def __init__(self, browser, site: Site, **context) -> None:
        self._context = browser.new_context(**{"viewport": DESKTOP, **context})
        self._context.set_default_timeout(10_000)
        self.page, self.site, self.complaints = self._context.new_page(), site, []
        self.page.on("console", lambda m: self.complaints.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def open(self, path: str = "/") -> None:
        self.page.goto(f"http://127.0.0.1:{self.site.port}{path}", wait_until="domcontentloaded")

    def log_in(self) -> None:
        self.open()
        self.page.get_by_label("Token of this device").fill(self.site.token)
        self.page.get_by_role("button", name="Log in").click(no_wait_after=True)
        self.page.locator("#vitals dt").first.wait_for()

    def text(self, selector: str) -> str:
        return self.page.locator(selector).inner_text()

    def close(self) -> None:
        self._context.close()


@pytest.fixture
def visit(browser, site) -> Iterator[Visit]:
    made = Visit(browser, site)
    yield made
    made.close()


@pytest.fixture
def inside(visit) -> Visit:
    visit.log_in()
    return visit


def test_a_technician_logs_in_and_sees_the_live_image_change(inside):
    picture = inside.page.locator("#image")
    assert eventually(lambda: picture.evaluate("image => image.naturalWidth") == 640)
    first = picture.screenshot()
    assert eventually(lambda: picture.screenshot() != first)
    assert inside.complaints == []


def test_an_alert_is_on_the_page_within_a_second_and_is_announced(inside, watch):
    inside.page.evaluate("window.shown = 0")
    inside.page.evaluate(
        "new MutationObserver(() => { window.shown = Date.now() / 1000 }).observe("
        "document.getElementById('announcement'), { childList: true, characterData: true, subtree: true })"
    )
    raised_at = time.time()
    watch.raise_alert("by-browser")
    assert eventually(lambda: inside.page.evaluate("window.shown") > 0)
    assert inside.page.evaluate("window.shown") - raised_at < 1
    first = inside.page.locator("#alerts li").first
    assert "No mask" in first.inner_text()
    assert "now" in first.inner_text()
    assert inside.text("#announcement").startswith("Alert: no mask")
    assert inside.page.locator("#announcement").get_attribute("aria-live") == "polite"
    watch.raise_alert("by-browser", EventType.END, 1, Reason.GONE)
    assert eventually(lambda: "left" in first.inner_text())


def test_a_wrong_token_is_reported_and_the_typed_token_can_be_shown(visit):
    visit.open()
    field = visit.page.get_by_label("Token of this device")
    field.fill("wrong")
    assert field.get_attribute("type") == "password"
    visit.page.get_by_label("Show it while I type").check()
    assert field.get_attribute("type") == "text"
    field.press("Enter")
    visit.page.get_by_text("That is not the token of this device.").wait_for()


def test_pausing_the_image_and_leaving_the_page_end_the_copying(inside, watch):
    assert eventually(lambda: watch.images._viewers)
    inside.page.get_by_role("button", name="Pause image").click()
    assert eventually(lambda: not watch.images._viewers)
    inside.page.get_by_text("The image is paused.").wait_for()
    inside.page.get_by_role("button", name="Show image").click()
    assert eventually(lambda: watch.images._viewers)
    inside.page.goto("about:blank")
    assert eventually(lambda: not watch.images._viewers)


def test_with_reduced_motion_the_image_is_started_by_hand(browser, site):
    visit = Visit(browser, site, reduced_motion="reduce")
    visit.log_in()
    assert not visit.page.locator("#image").is_visible()
    visit.page.get_by_role("button", name="Show image").click()
    visit.page.locator("#image").wait_for()
    visit.close()


def test_everything_is_reachable_by_keyboard_and_the_focus_is_visible(inside):
    page = inside.page
    reached = []
    for _ in range(20):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            "(() => { const e = document.activeElement, s = getComputedStyle(e);"
            "return [e.innerText.trim().split('\\n')[0], s.outlineStyle, parseFloat(s.outlineWidth)] })()"
        )
        if focused[0] == "Skip to content" and reached:
            break
        reached.append(focused[0])
        assert focused[1:] == ["solid", 3], focused
    for name in ("Skip to content", "Log out", "Pause image", "Show as a table", "Show all settings"):
        assert name in reached
    page.get_by_text("Show as a table").focus()
    page.keyboard.press("Enter")
    assert "00:00" in inside.text("#hours")


@pytest.mark.parametrize("width", [320, 390, 768, 1280, 1920])
def test_nothing_is_wider_than_the_screen(inside, watch, width):
    inside.page.set_viewport_size({"width": width, "height": 844})
    watch.drift = drift_report(1500, 300)
    inside.page.locator("#drift-card svg").first.wait_for()
    for summary in inside.page.locator("summary").all():
        summary.click()
    assert inside.page.evaluate("document.documentElement.scrollWidth") == width
    watch.drift = None


def test_content_from_the_device_is_text_and_never_markup(inside, watch):
    watch.state["problems"] = {"camera": HOSTILE}
    try:
        watch.drift = drift_report(1500, 300) | {"causes": [HOSTILE]}
        assert eventually(lambda: HOSTILE in inside.text("#problems"))
        assert eventually(lambda: HOSTILE in inside.text("#drift-state"))
        assert "owned" not in inside.page.title()
        assert inside.text("#summary") == "One problem: camera"
    finally:
        watch.state["problems"], watch.drift = {}, None


@pytest.fixture
def young(browser, tmp_path) -> Iterator[tuple[Visit, PlayedService]]:
    """Return a page of a service that has just started, and the service."""
    watch = PlayedService(tmp_path)
    site = Site(watch.scene, tmp_path)
    visit = Visit(browser, site)
    visit.log_in()
    yield visit, watch
    visit.close()
    site.end()
    if watch._thread.is_alive():
        watch.close()


def test_a_page_claims_nothing_of_the_time_before_the_start(young):
    """After a restart it showed "None in the last 24 hours", which it could not know."""
    visit, watch = young
    assert eventually(lambda: visit.text("#no-alerts").startswith("None since "))
    assert "The history has earlier ones" in visit.text("#no-alerts")
    watch.day._known_from = lambda: 144
    assert eventually(lambda: visit.page.locator(".plot rect.unknown").count() == 1)
    visit.page.get_by_text("Show as a table").click()
    assert eventually(lambda: set(visit.page.locator("#hours td").all_inner_texts()) == {"\N{EN DASH}"})
    assert "no counts from before" in visit.text("#since")
    watch.day._known_from = lambda: 0
    watch.day._started_at -= 25 * 3600
    assert eventually(lambda: visit.text("#no-alerts") == "None in the last 24 hours.")
    assert visit.text("#since") == "Each person is counted once."


def test_after_the_service_has_ended_nothing_outdated_is_shown(young):
    visit, watch = young
    watch.raise_alert("open")
    watch.drift = drift_report(1500)
    visit.page.locator("#drift-card").wait_for()
    visit.page.locator("#alerts .tag", has_text="now").wait_for()
    assert visit.text("#vitals")
    watch.close()
    assert eventually(
        lambda: visit.text("#summary") == "The service is not running. This page reconnects when it is back."
    )
    assert (visit.text("#vitals"), visit.text("#faces"), visit.text("#unknown")) == (
        "",
        "",
        "Not available while disconnected.",
    )
    assert visit.page.locator("#alerts .tag").count() == 0
    assert not visit.page.locator("#drift-card").is_visible()
    assert "end not known" in visit.text("#alerts")


def test_an_alert_that_waits_for_the_broker_is_not_sent_yet_and_then_sent_late(young):
    """Once it had expired, an alert that still waited was already shown as sent late."""
    visit, watch = young
    waiting = [True]
    watch.day.adopt(replace(watch.day._sources, is_waiting=lambda _key: waiting[0], expires_s=0.0))
    watch.raise_alert("waiting")
    delivery = visit.page.locator("#alerts .tag", has_text="sent")
    assert eventually(lambda: delivery.all_inner_texts() == ["not sent yet"])
    waiting[0] = False
    assert eventually(lambda: delivery.all_inner_texts() == ["sent late"])


def paper(visit: Visit) -> tuple[int, ...]:
    """Return the colour behind the summary, red, green, blue."""
    colour = visit.page.locator("#summary").evaluate("e => getComputedStyle(e).backgroundColor")
    return tuple(int(part) for part in re.findall(r"\d+", colour)[:3])


def test_each_state_has_its_colour_and_a_missing_mask_has_that_of_the_label(inside, watch):
    """Somebody without a mask was grey, and all is well green, where blue stands for a mask everywhere else."""
    papers = {}
    try:
        for tone, episodes, problems, text in (
            ("good", (), {}, "All is well"),
            ("alert", (alert(),), {}, "Somebody is not wearing a mask"),
            ("bad", (), {"lens": "dark"}, "One problem: lens"),
            ("alert", (alert(),), {"lens": "dark"}, "Somebody is not wearing a mask. One problem: lens"),
        ):
            watch.episodes, watch.state["problems"] = episodes, problems
            assert eventually(lambda text=text: inside.text("#summary") == text), text
            assert inside.page.locator("#summary").get_attribute("data-tone") == tone
            papers.setdefault(tone, paper(inside))
        assert len(set(papers.values())) == 3
        red, green, blue = papers["alert"]
        assert red > green > blue, "not orange"
        red, green, blue = papers["good"]
        assert blue > green > red, "not blue"
    finally:
        watch.episodes, watch.state["problems"] = (), {}


def test_a_broker_without_connection_is_a_problem_on_the_page(inside, watch):
    watch.state |= {"broker": "refused: connection refused", "waiting": 3}
    try:
        assert eventually(lambda: inside.text("#summary") == "One problem: broker")
        assert "connection refused; alerts waiting: 3" in inside.text("#problems")
    finally:
        watch.state |= {"broker": "online", "waiting": 0}


def test_logging_out_elsewhere_leads_back_to_the_login_page(inside):
    cookie = next(c for c in inside.page.context.cookies() if c["name"] == "maskwatch-session")
    inside.site.post("/logout", Cookie=f"maskwatch-session={cookie['value']}")
    inside.page.get_by_label("Token of this device").wait_for(timeout=15_000)


def test_logging_out_by_the_button_ends_the_session(inside):
    inside.page.get_by_role("button", name="Log out").click(no_wait_after=True)
    inside.page.get_by_label("Token of this device").wait_for()
    inside.open()
    assert inside.page.url.endswith("/login")


def test_drift_is_shown_in_words_as_plots_and_as_a_table(inside, watch):
    try:
        watch.drift = drift_report(1500, 300)
        assert eventually(lambda: inside.text("#drift-state").startswith("Drift: darker images")), inside.text(
            "#drift-card"
        )
        assert "is a problem" in inside.text("#drift-state")
        plots = inside.page.locator("#drift-card svg")
        shown = [plot.get_attribute("aria-label") for plot in plots.all()]
        assert [text.partition(" the last ")[0] for text in shown] == ["Distance of", "Estimated accuracy at"]
        assert inside.page.locator("#drift-card rect.beyond").count() == len(
            [distance for distance, _ in watch.drift["history"] if distance > 1]
        )
        assert "the limit of chance" in inside.text("#drift-card figure:first-of-type figcaption")
        assert {"newest", "0", "5"} <= set(inside.page.locator("#drift-distance text").all_text_contents())
        inside.page.get_by_text("Show what was compared").click()
        rows = inside.page.locator("#drift-quantities tbody tr").all_inner_texts()
        assert rows[0].split("\t")[0] == "Brightness"
        assert rows[0].endswith("yes")
        assert len(rows) == len(watch.drift["quantities"])
    finally:
        watch.drift = None
    assert eventually(lambda: not inside.page.locator("#drift-card").is_visible())
    assert inside.complaints == []


STATES = {
    "Not watched: the mask model has no reference": {"state": "no_reference"},
    "Nothing to compare yet: the first window is full after 150 people.": drift_report(0),
    "No drift. Until enough people were seen here": drift_report(150),
    "No drift: the faces are like those seen here before.": drift_report(1500),
}


def test_without_drift_the_page_states_what_is_compared_and_plots_what_is_known(inside, watch):
    try:
        for words, watch.drift in STATES.items():
            assert eventually(lambda words=words: inside.text("#drift-state").startswith(words)), words
            assert inside.page.locator("#drift-known").is_visible() == bool(watch.drift.get("history"))
    finally:
        watch.drift = None


@pytest.fixture(scope="module")
def axe(tmp_path_factory) -> str:
    return browser_support.axe_source(tmp_path_factory.mktemp("axe"))


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_axe_finds_nothing_serious(browser, site, watch, axe, size, scheme):
    visit = Visit(browser, site, viewport=size, color_scheme=scheme)
    watch.raise_alert(f"for-axe-{scheme}")
    watch.drift = drift_report(1500, 300)
    visit.open()
    findings = axe_findings(visit.page, axe)
    visit.log_in()
    watch.episodes = (alert(),)
    assert eventually(lambda: visit.page.locator("#summary").get_attribute("data-tone") == "alert")
    findings += axe_findings(visit.page, axe)
    watch.episodes, watch.state["problems"] = (), {"lens": "dark: nothing is seen"}
    assert eventually(lambda: "lens" in visit.text("#summary"))
    assert visit.page.locator("#drift-card").is_visible()
    for summary in visit.page.locator("summary").all():
        summary.click()
    findings += axe_findings(visit.page, axe)
    watch.state["problems"], watch.drift = {}, None
    visit.close()
    assert [finding for finding in findings if finding[0] in ("serious", "critical")] == []
