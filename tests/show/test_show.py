"""Viewers: shared memory, drawing, terminal, and a real window."""

from __future__ import annotations

import io
import os
import subprocess
import threading
import time
from dataclasses import replace

import cv2
import numpy as np
import pytest
from rich.console import Console

from edge.data import Mask, Metres, NoticeState, Position
from edge.errors import NotRunning
from edge.notice.phrases import PLEASE
from edge.show import overlay
from edge.show.highgui import is_open
from edge.show.label_layout import place_labels
from edge.show.overlay import draw, preview
from edge.show.shared_scene import SceneReader, SceneServer
from edge.show.terminal import TerminalView
from edge.show.text import contrast, ink_on
from edge.show.view import Mark, View, from_json, to_json
from edge.show.window import window_process
from tests.support import fakes
from tests.support.fakes import eventually, scene_of
from tests.support.messages import alert
from tests.support.needs import need
from tests.support.program import command, environment
from tests.support.windows import close_window, shown_window

VIEW = View((Mark((0.1, 0.2, 0.5, 0.6), Mask.WITHOUT_MASK, 0.93, 4, 1.84),), "12 fps", "keep your distance", 5.0)


@pytest.fixture
def server(tmp_path):
    made = SceneServer(tmp_path / "s.sock", max_side_px=320, status=lambda: "fine")
    yield made
    made.close()


def test_a_view_goes_through_json_and_back():
    assert from_json(to_json(VIEW)) == VIEW


def test_a_viewer_sees_the_newest_scene(server):
    reader = SceneReader(server.path)
    server.put(scene_of(fakes.picture(10)))
    server.put(scene_of(fakes.picture(99, (300, 200))))
    image, view = reader.newest(1)
    assert image.shape == (200, 300, 3)
    assert (image == 99).all()
    assert (view.status, view.banner, view.marks[0].track_id) == ("fine", "", 1)
    reader.close()


def test_a_viewer_gets_the_notice_of_the_scene_with_one_line_per_language(server):
    reader = SceneReader(server.path)
    views = []
    for scene in (
        fakes.noticed(NoticeState.ON, "keep apart", "Abstand"),
        fakes.noticed(NoticeState.THANKS, "thanks"),
        fakes.noticed(NoticeState.OFF),
    ):
        server.put(scene)
        views.append(reader.newest(1)[1])
    assert [(view.banner, view.thanks) for view in views] == [
        ("keep apart\nAbstand", False),
        ("thanks", True),
        ("", False),
    ]
    reader.close()


def test_a_viewer_gets_the_distance_of_people(server):
    reader = SceneReader(server.path)
    scene = scene_of(fakes.picture(10))
    position = Position((0.5, 0.0, 1.77), Metres(1.839, 1.6, 2.1), 0.1, 0.05)
    server.put(replace(scene, tracks=tuple(replace(track, position=position) for track in scene.tracks)))
    assert reader.newest(1)[1].marks[0].away_m == 1.84
    server.put(scene)
    assert reader.newest(1)[1].marks[0].away_m is None
    reader.close()


def test_the_distance_is_in_the_label():
    mark, blank = VIEW.marks[0], fakes.picture(200, (640, 360))
    with_metres, without = (draw(blank, View((replace(mark, away_m=metres),))) for metres in (1.84, None))
    changed = np.argwhere((with_metres != without).any(2))
    assert changed[:, 0].max() <= 0.2 * 360  # in the label above the box, nowhere else


def test_nothing_is_written_while_nobody_is_connected(server):
    server.put(scene_of(fakes.picture(10)))
    assert server._memory.written == 0


def test_a_large_image_is_shrunk_for_viewers(server):
    reader = SceneReader(server.path)
    server.put(scene_of(fakes.picture(10, (1280, 720))))
    assert reader.newest(1)[0].shape == (180, 320, 3)
    reader.close()


def test_a_scene_without_an_image_is_sent_too(server):
    reader = SceneReader(server.path)
    server.put(replace(fakes.scene(), frame=None))
    assert reader.newest(1)[0] is None
    reader.close()


def test_a_viewer_that_never_reads_delays_nobody(server):
    stalled, reader = SceneReader(server.path), SceneReader(server.path)
    for number in range(3000):
        server.put(scene_of(fakes.picture(number % 250)))
        if number % 500 == 0:
            reader.newest(0)
    assert server._memory.written >= 2999
    stalled.close()
    reader.close()


def test_a_viewer_that_left_is_forgotten(server):
    SceneReader(server.path).close()
    for _ in range(3):
        server.put(scene_of(fakes.picture(1)))
    assert len(server._viewers) == 0


def test_a_viewer_cannot_write_into_the_scene(server):
    reader = SceneReader(server.path)
    server.put(scene_of(fakes.picture(1)))
    reader.newest(1)
    with pytest.raises(TypeError):
        reader._memory._memory[0:1] = b"x"
    reader.close()


def test_a_viewer_notices_when_the_service_ends(tmp_path):
    server = SceneServer(tmp_path / "s.sock", max_side_px=64, status=str)
    reader = SceneReader(server.path)
    server.put(scene_of(fakes.picture(1)))
    server.close()
    reader.newest(1)
    with pytest.raises(NotRunning, match="ended"):
        reader.newest(1)
    assert not server.path.exists()


def test_a_missing_service_is_reported_in_one_sentence(tmp_path):
    with pytest.raises(NotRunning, match="no maskwatch is running there"):
        SceneReader(tmp_path / "none.sock")


def test_a_dead_socket_is_replaced_and_a_live_one_is_not(tmp_path):
    path = tmp_path / "s.sock"
    first = SceneServer(path, max_side_px=64, status=str)
    second = SceneServer(path, max_side_px=64, status=str)
    assert second.path != first.path == path
    second.close()
    first._viewers._listener.close()
    third = SceneServer(path, max_side_px=64, status=str)
    assert third.path == path
    third.close()


def test_drawing_does_not_change_the_image_and_adds_box_and_label():
    image = fakes.picture(120, (640, 480))
    drawn = draw(image, VIEW)
    assert (image == 120).all()
    assert drawn.shape == image.shape
    assert (drawn[200, 64] == (0, 94, 213)).all()


def test_each_label_has_a_colour_of_its_own():
    colours = set()
    for mask in Mask:
        view = View((Mark((0.2, 0.2, 0.8, 0.8), mask, 0.5),))
        changed = draw(fakes.picture(120, (640, 480)), view)
        colours.add(tuple(changed[300, 127:130].max(0)))
    assert len(colours) == 4


def test_labels_of_people_close_together_do_not_cover_each_other():
    image, masks = np.full((270, 480, 3), 200, np.uint8), (Mask.WITHOUT_MASK, Mask.WITH_MASK, Mask.UNSURE)
    marks = [Mark((0.30 + 0.07 * k, 0.4, 0.36 + 0.07 * k, 0.6), mask, 0.9, k, 2.0) for k, mask in enumerate(masks)]
    colours = [overlay._COLOURS[mask] for mask in masks]

    def painted(*shown: Mark) -> list[int]:
        canvas = draw(image, View(shown), zoom=2.0)
        return [int((canvas == colour).all(2).sum()) for colour in colours]

    together, alone = painted(*marks), [painted(mark)[k] for k, mark in enumerate(marks)]
    assert min(alone) > 1000
    assert all(count > 0.95 * single for count, single in zip(together, alone, strict=True)), (together, alone)


def crowd(seed: int, *, people: int = 20) -> list[tuple[int, int, int, int]]:
    """Return the boxes of faces that do not touch, 30 to 60 px wide, on an image of 1280 x 720."""
    dice, boxes = np.random.default_rng(seed), []
    while len(boxes) < people:
        side, x, y = int(dice.integers(30, 60)), int(dice.integers(0, 1220)), int(dice.integers(60, 640))
        if all(x + side < a or c < x or y + side < b or d < y for a, b, c, d in boxes):
            boxes.append((x, y, x + side, y + side))
    return boxes


def overlap(one, other) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


@pytest.mark.parametrize("people", [20, 60])
@pytest.mark.parametrize("seed", range(3))
def test_labels_in_a_crowd_cover_nothing_and_are_next_to_their_face(seed, people):
    boxes = crowd(seed, people=people)
    found = place_labels(boxes, [[(150, 20), (110, 20), (70, 20)]] * people, (1280, 720))
    placed = [label[1] for label in found if label]
    assert len(placed) > 0.6 * people
    assert not any(overlap(place, box) for place in placed for box in boxes)
    assert not any(overlap(one, other) for k, one in enumerate(placed) for other in placed[:k])
    assert all(min(x1, y1) >= 0 and x2 <= 1280 and y2 <= 720 for x1, y1, x2, y2 in placed)
    for (x1, y1, x2, y2), label in zip(boxes, found, strict=True):
        assert label is None or overlap(label[1], (x1 - 22, y1 - 22, x2 + 22, y2 + 22))


def test_a_face_without_room_for_a_label_gets_none():
    wall = [(0, 0, 300, 40), (0, 60, 300, 100), (0, 40, 140, 60), (160, 40, 300, 60)]
    assert place_labels([(140, 40, 160, 60), *wall], [[(80, 10), (40, 10)]] * 5, (300, 100))[0] is None


@pytest.mark.parametrize("size", [(160, 284), (90, 160), (240, 180), (40, 40)])
def test_no_label_is_cut_off_at_the_border_of_a_narrow_image(size):
    sizes = [[(200, 24), (120, 24), (60, 24), (30, 24)]] * 5
    boxes = [(0, 0, 20, 30), (size[0] - 20, 5, size[0], 30), (-9, size[1] - 9, 9, size[1] + 9), (5, 60, 35, 90)]
    for place in place_labels([*boxes, (500, 500, 600, 600)], sizes, size):
        if place is not None:
            x1, y1, x2, y2 = place[1]
            assert 0 <= x1 < x2 <= size[0]
            assert 0 <= y1 < y2 <= size[1]


def test_a_label_is_shortened_only_where_the_longest_one_would_cover_a_face():
    face, neighbours = (130, 40, 170, 60), [(0, 0, 125, 100), (175, 0, 300, 100)]
    sizes = [(80, 10), (40, 10)]
    assert place_labels([face], [sizes], (300, 100))[0] == (0, (130, 30, 210, 40))
    assert place_labels([face, *neighbours], [sizes] * 3, (300, 100))[0] == (1, (130, 30, 170, 40))


@pytest.mark.parametrize("mask", Mask)
def test_the_text_of_every_label_and_banner_has_enough_contrast(mask):
    for paper in (overlay._COLOURS[mask], overlay._BANNER, overlay._THANKS, overlay._PAPER):
        assert contrast(ink_on(paper), paper) >= 4.5


def test_letters_have_at_least_twelve_pixels_in_the_smallest_window():
    view = View((Mark((0.2, 0.3, 0.5, 0.6), Mask.UNSURE, 0.5),))
    plain, labelled = fakes.picture(120, (320, 240)), draw(fakes.picture(120, (320, 240)), view)
    paper = (labelled == overlay._COLOURS[Mask.UNSURE]).all(2)
    assert np.flatnonzero(paper.any(1)[: round(0.3 * 240) - 1]).size >= 12
    bars = preview(plain, replace(view, banner=PLEASE["de"], status="12 fps"), (320, 240))
    rows = np.flatnonzero((bars[:, 3] == overlay._BANNER).all(1))
    assert rows.size >= 2 * 12


def test_accents_are_drawn():
    plain, umlaut = (preview(None, View(banner=text), (640, 400)) for text in ("Groesse u", "Größe ü"))
    question = preview(None, View(banner="Gr??e ?"), (640, 400))
    assert (umlaut != plain).any()
    assert (umlaut != question).any()


@pytest.mark.parametrize("size", [(320, 240), (960, 506), (1920, 1080), (400, 800)])
@pytest.mark.parametrize("image_px", [(640, 480), (1280, 720), (480, 640)])
def test_the_banner_covers_nothing_of_the_image_and_does_not_move_it(size, image_px):
    image = np.full((image_px[1], image_px[0], 3), (10, 200, 90), np.uint8)
    silent = preview(image, View(status="12 fps"), size)
    notified = preview(image, View(banner=PLEASE["en"], status="12 fps"), size)
    assert notified.shape == silent.shape == (size[1], size[0], 3)
    shown = (silent == (10, 200, 90)).all(2)
    assert (shown == (notified == (10, 200, 90)).all(2)).all()
    rows, columns = np.flatnonzero(shown.any(1)), np.flatnonzero(shown.any(0))
    ratio = columns.size / rows.size
    assert abs(ratio - image_px[0] / image_px[1]) < 0.02 * ratio
    assert columns.size > 0.99 * size[0] or rows.size > 0.75 * size[1]
    assert (notified == overlay._BANNER).all(2).sum() > 0.05 * size[0] * size[1]


def test_thanks_have_their_own_colour_and_the_banner_is_in_the_first_language():
    one, two = (View(banner=text, thanks=True) for text in ("Thank you", "Thank you\nDanke"))
    drawn = preview(fakes.picture(120, (640, 480)), one, (640, 540))
    assert (drawn[535, 3] == (178, 114, 0)).all()
    assert (drawn == preview(fakes.picture(120, (640, 480)), two, (640, 540))).all()


def test_without_an_image_the_preview_shows_the_status():
    stated, silent = (preview(None, View(status=status), (640, 400)) for status in ("camera: offline", ""))
    assert (stated[:300] != silent[:300]).any()


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (40, 3000), (3000, 40)])
def test_images_and_windows_of_any_size_are_drawn(size):
    image = fakes.picture(1, size)
    assert draw(image, VIEW).shape == (size[1], size[0], 3)
    assert draw(None, VIEW).shape == (360, 640, 3)
    assert preview(image, VIEW, (640, 400)).shape == (400, 640, 3)
    assert preview(fakes.picture(1), VIEW, size).shape == (size[1], size[0], 3)


def test_a_phrase_in_another_script_does_not_break_the_banner():
    drawn = preview(None, replace(VIEW, banner="Bitte Abstand halten — größer als 距離"), (320, 200))
    assert (drawn == overlay._BANNER).all(2).any()


def test_without_a_terminal_only_alerts_are_printed():
    text = io.StringIO()
    view = TerminalView(Console(file=text, width=200), status=lambda: "status")
    view.put(fakes.scene())
    view.put(fakes.scene(alerts=(alert(),)))
    view.close()
    assert text.getvalue().count("\n") == 1
    assert "episode start   person 1: without_mask" in text.getvalue()


def test_a_terminal_shows_a_live_status(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")  # a dumb terminal, as where tests run by a program, has no live display
    text = io.StringIO()
    view = TerminalView(Console(file=text, width=200, force_terminal=True), status=lambda: "7 fps")
    view.put(replace(fakes.scene((fakes.track(),)), notice=fakes.notice(NoticeState.ON, "keep apart", "Abstand")))
    view.close()
    for expected in ("without_mask 1", "7 fps", "keep apart"):
        assert expected in text.getvalue()
    assert "Abstand" not in text.getvalue(), "the first language alone"


@pytest.mark.parametrize(("state", "background"), [(NoticeState.ON, "41m"), (NoticeState.THANKS, "44m")])
def test_a_terminal_shows_a_notice_on_red_and_thanks_on_blue(monkeypatch, state, background):
    monkeypatch.setenv("TERM", "xterm")
    text = io.StringIO()
    view = TerminalView(Console(file=text, width=200, force_terminal=True, color_system="standard"), status=str)
    view.put(replace(fakes.scene(), notice=fakes.notice(state, "words")))
    view.close()
    assert f"{background}  words  " in text.getvalue()


def windows(display: str) -> list[str]:
    found = subprocess.run(
        [need("xdotool"), "search", "--name", "^maskwatch$"],
        capture_output=True,
        text=True,
        env={**os.environ, "DISPLAY": display},
        check=False,
    )
    return found.stdout.split()


def banner_on_screen(display: str) -> bool:
    """Return whether a twentieth of the screen has the colour of the banner."""
    grab = ["import", "-display", display, "-window", "root", "bmp:-"]
    content = subprocess.run(grab, capture_output=True, check=True).stdout
    screen = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    return (screen == overlay._BANNER).all(2).mean() > 0.05


def keep_putting(server, *sinks) -> threading.Event:
    done = threading.Event()

    def put() -> None:
        scene = replace(scene_of(fakes.picture(140, (320, 240))), notice=fakes.notice(NoticeState.ON, "keep apart"))
        while not done.wait(0.05):
            for sink in (server, *sinks):
                sink.put(scene)

    threading.Thread(target=put).start()
    return done


def painted_window(server, display: str, stop: threading.Event):
    """Return the process of a window that is painted: Qt 5 loses up to one new window of six (edge/show/highgui.py)."""
    for _ in range(5):
        window = window_process(server.path, stop)
        done = keep_putting(server, window)
        if eventually(lambda: banner_on_screen(display), 10):
            return window, done
        done.set()
        window.close()
    raise AssertionError("five windows in a row stayed black")


def test_a_real_window_shows_the_scene_and_q_ends_the_service(server, display, monkeypatch):
    monkeypatch.setenv("DISPLAY", display.name)
    stop = threading.Event()
    window, done = painted_window(server, display.name, stop)
    try:
        subprocess.run([need("xdotool"), "search", "--name", "^maskwatch$", "windowfocus", "key", "q"], check=True)
        assert eventually(stop.is_set, 10)
    finally:
        done.set()
        window.close()


def test_a_window_closed_by_mouse_stays_closed_and_the_service_continues(server, display, monkeypatch, caplog, capfd):
    """OpenCV 4.14 raises on a closed window: the window ended with a traceback and was opened again after 5 s."""
    caplog.set_level("INFO")
    monkeypatch.setenv("DISPLAY", display.name)
    monkeypatch.setattr("edge.show.child_process._FIRST_RESTART_S", 0.2)
    stop = threading.Event()
    window, done = painted_window(server, display.name, stop)
    try:
        shown_window(display.name, "maskwatch")

        def is_closed() -> bool:
            for number in windows(display.name):  # one that Qt lost is opened again, under another number
                close_window(display.name, int(number))
            return window._closed

        assert eventually(is_closed, 40, 0.5)
        assert not eventually(lambda: windows(display.name), 2.0)
        assert not stop.is_set()
        assert "the window was closed and stays closed" in caplog.text
        assert "cv2.error" not in capfd.readouterr().err
    finally:
        done.set()
        window.close()


class ClosedWindow:
    """OpenCV's answer for a window that was closed by its frame: -1 up to 4.12, an error in 4.14."""

    error, WND_PROP_VISIBLE = cv2.error, cv2.WND_PROP_VISIBLE

    def __init__(self, answer: float | None) -> None:
        self._answer = answer

    def getWindowProperty(self, *_: object) -> float:  # noqa: N802 - OpenCV's name
        if self._answer is None:
            raise cv2.error("NULL guiReceiver")
        return self._answer


@pytest.mark.parametrize(("answer", "open_"), [(None, False), (-1.0, False), (1.0, True)])
def test_a_closed_window_is_recognised_with_each_opencv(monkeypatch, answer, open_):
    monkeypatch.setattr("edge.show.highgui.cv2", ClosedWindow(answer))
    assert is_open("maskwatch") is open_


def test_view_ends_when_its_window_is_closed_by_mouse(server, display):
    process = subprocess.Popen(
        command("view", "--socket", server.path),
        env=environment(DISPLAY=display.name),
        stderr=subprocess.PIPE,
        text=True,
    )
    done = keep_putting(server)
    try:
        number = shown_window(display.name, "maskwatch")
        while process.poll() is None:  # a window that is not yet painted takes no notice
            close_window(display.name, number)
            time.sleep(0.2)
    finally:
        done.set()
    assert (process.returncode, "Traceback" in process.stderr.read()) == (0, False)


def test_a_display_that_crashes_does_not_end_the_service(server, display, monkeypatch, caplog):
    monkeypatch.setenv("DISPLAY", display.name)
    stop = threading.Event()
    window = window_process(server.path, stop)
    done = keep_putting(server, window)
    try:
        assert eventually(lambda: windows(display.name), 30)
        display.kill()
        assert eventually(lambda: "the window ended" in caplog.text, 20)
        assert not stop.is_set()
    finally:
        done.set()
        window.close()
