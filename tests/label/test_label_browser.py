"""`maskwatch label` in a real Chromium, as somebody with a folder of photographs uses it."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.capture.demo import DemoCamera
from tests.support import browser as browser_support
from tests.support.browser import axe_findings
from tests.support.fakes import eventually
from tests.support.ports import free_port
from tests.support.program import command, environment, maskwatch


class Labelling:
    """The command on a folder of its own: two photographs of two people, and one of a wall between them."""

    def __init__(self, folder: Path) -> None:
        self.port, self.folder, self.state = free_port(), folder / "people", folder
        self.folder.mkdir()
        camera = DemoCamera()
        for name, second in (("a.jpg", 9.0), ("c.jpg", 15.0)):
            cv2.imwrite(str(self.folder / name), camera.scene(second))
        cv2.imwrite(str(self.folder / "b.jpg"), np.full((540, 960, 3), 128, np.uint8))
        self.start()

    def start(self) -> None:
        arguments = ("label", self.folder, "--port", self.port, "--set", "detector.profile=live")
        output = self.state / "log"
        with output.open("w") as log:
            words = command(*arguments)
            self.process = subprocess.Popen(
                words, stdout=log, stderr=log, env=environment(XDG_STATE_HOME=str(self.state))
            )
        assert eventually(self._serves, 60), output.read_text()

    def _serves(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def end(self) -> int:
        self.process.terminate()
        return self.process.wait(60)

    @property
    def token(self) -> str:
        return (self.state / "maskwatch/web-token").read_text().strip()

    def rows(self) -> dict[str, dict]:
        path = self.folder / "boxes.jsonl"
        return {row["file"]: row for row in map(json.loads, path.read_text().splitlines())} if path.exists() else {}

    def labels(self, file: str) -> list[str]:
        return [box[4] for box in self.rows().get(file, {"boxes": []})["boxes"]]


@pytest.fixture
def labelling(tmp_path):
    made = Labelling(tmp_path)
    yield made
    made.end()


@pytest.fixture(scope="module")
def browser():
    with browser_support.chromium() as made:
        yield made


def visit(browser, labelling: Labelling, **context):
    """Return the page of the first photograph that is not complete."""
    page = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **context}).new_page()
    page.set_default_timeout(60_000)
    page.goto(f"http://127.0.0.1:{labelling.port}/")
    page.get_by_label("Token of this device").fill(labelling.token)
    page.get_by_role("button", name="Log in").click(no_wait_after=True)
    ready(page)
    return page


def ready(page) -> None:
    page.locator("#status:not(:text('Finding faces'))").wait_for()


def status(page) -> str:
    return page.locator("#status").inner_text()


def press(page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def drag(page, begin: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag over the photograph, between two points in shares of it."""
    box = page.locator("#image").bounding_box()
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (begin, end)]
    page.mouse.move(*points[0])
    page.mouse.down()
    page.mouse.move(*points[1], steps=3)
    page.mouse.up()


def test_a_folder_is_labelled_with_the_keyboard_and_goes_on_after_a_restart(browser, labelling):
    page = visit(browser, labelling)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    assert status(page) == "2 faces have no label yet."
    press(page, "2", "c", "d")  # after its label the next face is selected
    assert eventually(lambda: labelling.rows().get("a.jpg", {}).get("poses") == [None, "bent"])
    row = labelling.rows()["a.jpg"]
    assert labelling.labels("a.jpg") == ["without_mask", "incorrect_mask"]
    assert (row["kinds"], row["labels_complete"]) == ([None, "chin"], True)
    press(page, "ArrowRight")
    page.get_by_text("No face was found").wait_for()
    press(page, "ArrowRight")
    assert eventually(lambda: labelling.rows().get("b.jpg", {}).get("labels_complete") is True)
    page.get_by_text("2 faces have no label yet.").wait_for()
    press(page, "1")
    assert eventually(lambda: labelling.labels("c.jpg") == ["with_mask"])
    assert complaints == []
    page.context.close()
    labelling.process.kill()  # as by a power cut
    labelling.process.wait()
    labelling.start()
    page = visit(browser, labelling)
    assert page.locator("#file").inner_text() == "c.jpg"
    assert status(page) == "1 face has no label yet."
    assert page.locator("#progress").inner_text() == "Photograph 3 of 3 · 2 complete"
    assert maskwatch("evaluate", labelling.folder, "--set", "detector.profile=live").returncode == 0
    page.context.close()


def test_a_missed_face_is_dragged_and_each_change_can_be_undone(browser, labelling):
    page = visit(browser, labelling)
    press(page, "1", "1", "ArrowRight")
    page.get_by_text("No face was found").wait_for()
    drag(page, (0.5, 0.6), (0.25, 0.2))
    page.get_by_role("button", name="Mask worn incorrectly").click()
    assert eventually(lambda: labelling.labels("b.jpg") == ["incorrect_mask"])
    x, y, width, height, _ = labelling.rows()["b.jpg"]["boxes"][0]
    assert (x / 960, y / 540, width / 960, height / 540) == pytest.approx((0.25, 0.2, 0.25, 0.4), abs=0.01)
    press(page, "Delete")
    assert eventually(lambda: labelling.labels("b.jpg") == [])
    press(page, "u")
    assert eventually(lambda: labelling.labels("b.jpg") == ["incorrect_mask"])
    press(page, "u", "u", "u")  # the label, the box, and the last label of the photograph before
    assert eventually(lambda: labelling.labels("a.jpg") == ["with_mask"] and labelling.labels("b.jpg") == [])
    assert page.locator("#file").inner_text() == "a.jpg"
    page.context.close()


def test_what_is_no_face_has_no_box_in_the_dataset_and_is_not_asked_again(browser, labelling):
    page = visit(browser, labelling)
    press(page, "4", "2")
    assert eventually(lambda: labelling.labels("a.jpg") == ["without_mask"])
    assert len(labelling.rows()["a.jpg"]["not_faces"]) == 1
    page.reload()
    page.locator("#progress:text('1 complete')").wait_for()
    press(page, "ArrowLeft")
    page.get_by_text("Complete, and kept.").wait_for()
    assert page.locator("#boxes g.not_a_face").count() == 1
    page.context.close()


def test_without_the_token_nothing_is_shown_or_kept(labelling):
    for method, path in (("GET", "/photographs"), ("GET", "/photographs/0.jpg"), ("POST", "/photographs/0")):
        connection = http.client.HTTPConnection("127.0.0.1", labelling.port, timeout=60)
        body = json.dumps({"faces": []}) if method == "POST" else None
        connection.request(method, path, body, {"Origin": f"http://127.0.0.1:{labelling.port}"})
        assert connection.getresponse().status == 401
        connection.close()
    assert labelling.rows() == {}


def test_a_stop_ends_with_0_and_a_folder_that_is_absent_with_66(labelling, tmp_path):
    assert labelling.end() == 0
    done = maskwatch("label", tmp_path / "absent")
    assert (done.returncode, "no such folder" in done.stderr) == (66, True)


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser, labelling, tmp_path, scheme):
    page = visit(browser, labelling, color_scheme=scheme)
    axe = browser_support.axe_source(tmp_path)
    findings = axe_findings(page, axe)
    press(page, "1")
    page.get_by_text("1 face has no label yet.").wait_for()
    findings += axe_findings(page, axe)
    press(page, "ArrowRight")
    page.get_by_text("No face was found").wait_for()
    findings += axe_findings(page, axe)
    page.context.close()
    assert [finding for finding in findings if finding[0] in ("serious", "critical")] == []
