"""The sign at the stop: what it shows, how large, and a real one on a real screen."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
import time
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import ImageFont

from edge.data import Notice, NoticeState
from edge.notice.phrases import IDLE, PLEASE, THANKS
from edge.show import fonts, highgui
from edge.show.shared_scene import SceneServer
from edge.show.sign import SignTexts, sign_process
from edge.show.sign_layout import SignState, draw_sign
from edge.show.text_fit import fit
from tests.support import fakes
from tests.support.fakes import eventually, scene_of
from tests.support.needs import need
from tests.support.program import environment, maskwatch
from tests.support.screen import open_screen
from tests.support.windows import close_window, shown_window

FULL_HD, UPRIGHT = (1920, 1080), (720, 1280)
READABLE_MM = 25.0
"""Height of letters of a two-hundredth of the distance, five metres."""
PIXEL_MM = {FULL_HD: 531 / 1920, UPRIGHT: 299 / 720}
"""A display of 24 inches, lying and upright."""
L_TO_CAPITAL = 0.760 / 0.729
"""Source: DejaVu Sans Bold, ascender of l and height of H in letter sizes."""
TEXTS = SignTexts(IDLE["en"], PLEASE["en"], THANKS["en"])
HELLO = SignTexts("Hello", "", "")
PRIVACY = np.random.default_rng(1).integers(0, 255, (240, 320, 3), np.uint8)


def letter_px(text: str, size_px: tuple[int, int]) -> int:
    """Return the height in pixels of a capital letter on the sign, from the tallest upright stroke, an l's or k's."""
    ink = (draw_sign(SignState.NOTICE, text, size_px) != draw_sign(SignState.NOTICE, "", size_px)).any(2)
    changes = np.diff(np.pad(ink, ((1, 1), (0, 0))).astype(int), axis=0)
    runs = [np.flatnonzero(changes[:, x] == -1) - np.flatnonzero(changes[:, x] == 1) for x in range(ink.shape[1])]
    return int(max(run.max(initial=0) for run in runs) / L_TO_CAPITAL)


def luminance(bgr: np.ndarray) -> float:
    """Return the relative luminance. Source: WCAG 2.2, relative luminance."""
    share = bgr[::-1] / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def paper_and_ink(drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    colours, counts = np.unique(drawn.reshape(-1, 3), axis=0, return_counts=True)
    first, second = np.argsort(counts)[::-1][:2]
    return colours[first], colours[second]


@pytest.mark.parametrize("size_px", [FULL_HD, UPRIGHT])
@pytest.mark.parametrize("language", PLEASE)
def test_every_phrase_is_legible_at_five_metres_on_a_display_of_24_inches(language, size_px):
    assert letter_px(PLEASE[language], size_px) * PIXEL_MM[size_px] >= READABLE_MM


@pytest.mark.parametrize("night", [False, True], ids=["day", "night"])
@pytest.mark.parametrize("state", SignState)
def test_paper_and_ink_have_enough_contrast_for_low_vision(state, night):
    drawn = draw_sign(state, "Words", FULL_HD, night=night)
    lights = sorted(luminance(colour) for colour in paper_and_ink(drawn[::5, ::5]))
    assert (lights[1] + 0.05) / (lights[0] + 0.05) >= 7


@pytest.mark.parametrize("state", SignState)
def test_the_sign_is_dark_at_night(state):
    """A full-HD sheet of yellow or white lights up a dark stop: at night most of the sign is dark."""
    day, night = (draw_sign(state, PLEASE["en"], FULL_HD, night=night)[::5, ::5] for night in (False, True))
    assert night.mean() < 0.35 * max(day.mean(), 150)


@pytest.mark.parametrize("language", PLEASE)
@pytest.mark.parametrize("box_px", [(660, 400), (420, 700), (1300, 800)])
def test_sentences_begin_on_a_new_line_and_no_short_word_is_alone_on_one(language, box_px):
    text = PLEASE[language]
    lines = fit(text, box_px).lines
    first, _, second = text.partition(". ")
    assert any(line.endswith(first.split()[-1] + ".") for line in lines)
    for sentence in (first + ".", second):
        last = next(line for line in lines if sentence.endswith(line) and line != text)
        assert " " in last or len(last) >= 0.5 * max(map(len, lines)), lines


def test_pictogram_and_text_are_centred_together():
    for size_px in (FULL_HD, UPRIGHT):
        ink = draw_sign(SignState.IDLE, "Short.", size_px) != draw_sign(SignState.IDLE, "", (8, 8))[0, 0]
        columns, rows = np.flatnonzero(ink.any((0, 2))), np.flatnonzero(ink.any((1, 2)))
        along, length = (columns, size_px[0]) if size_px[0] > size_px[1] else (rows, size_px[1])
        assert abs(along[0] - (length - 1 - along[-1])) < 0.05 * length


def test_the_three_states_differ_in_lightness_and_in_shape():
    drawn = {state: cv2.cvtColor(draw_sign(state, "Same words", FULL_HD), cv2.COLOR_BGR2GRAY) for state in SignState}
    papers = sorted(int(np.median(picture)) for picture in drawn.values())
    assert min(b - a for a, b in itertools.pairwise(papers)) >= 40
    shapes = {}
    for state, grey in drawn.items():
        icon = grey[200:880, 100:500].astype(int)
        shapes[state] = abs(icon - int(np.median(grey))) > 100
    for one in SignState:
        for other in SignState:
            assert one is other or (shapes[one] != shapes[other]).mean() > 0.03


@pytest.mark.parametrize("text", ["Größe, żółć, État, ñ, ğ", "Ξένοι, дистанция", "يرجى الحفاظ على مسافة"])
def test_the_font_has_accents_and_other_scripts(text):
    assert fonts.covers(fonts.font_for(text), text)


def test_a_text_that_no_font_covers_is_logged_with_the_fix_and_still_drawn(caplog, monkeypatch):
    monkeypatch.setattr(fonts, "_find_by_fontconfig", lambda _text: None)
    fonts.font_for.cache_clear()
    assert draw_sign(SignState.NOTICE, "請保持距離", (640, 360)).shape == (360, 640, 3)
    assert "fix: sudo apt install fontconfig fonts-noto" in caplog.text
    fonts.font_for.cache_clear()


def test_letters_missing_in_the_usual_font_come_from_a_font_of_fontconfig(monkeypatch, tmp_path):
    usual = next(path for path in fonts._KNOWN if path.exists())
    monkeypatch.setattr(fonts, "_KNOWN", ())
    monkeypatch.setattr(fonts, "_find_by_fontconfig", lambda _text: usual)
    fonts.font_for.cache_clear()
    assert fonts.font_for("Größe") == usual
    fonts.font_for.cache_clear()


def test_a_script_without_spaces_is_broken_between_letters():
    lines = fit("請保持距離" * 4, (300, 300)).lines
    assert len(lines) > 1
    assert "".join(lines) == "請保持距離" * 4


def test_no_line_is_wider_than_its_box_and_no_word_is_broken():
    fitted = fit(PLEASE["de"] + "\n" + PLEASE["en"], (800, 500))
    font = ImageFont.truetype(fonts.font_for("x"), fitted.size_px)
    lines = [line for line in fitted.lines if line is not None]
    assert fitted.lines.count(None) == 1
    assert max(font.getlength(line) for line in lines) <= 800
    assert " ".join(lines) == f"{PLEASE['de']} {PLEASE['en']}"


@pytest.mark.parametrize("size_px", [(1, 1), (16, 16), (40, 3000), (3000, 40), (640, 480)])
def test_any_size_and_any_text_can_be_drawn(size_px):
    for text in ("", "x", "Donaudampfschifffahrtsgesellschaft " * 6):
        assert draw_sign(SignState.NOTICE, text, size_px).shape == (size_px[1], size_px[0], 3)


class Stop:
    """A service with a scene for the sign, on a screen with a window manager."""

    def __init__(self, folder, size: str, *arguments: str) -> None:
        self.screen = open_screen(size)
        self.notice = Notice()
        self._done = threading.Event()
        self.server = SceneServer(folder / "s.sock", max_side_px=320, status=str)
        self._putting = threading.Thread(target=self._put)
        self._putting.start()

    def _put(self) -> None:
        while not self._done.wait(0.05):
            self.server.put(replace(scene_of(PRIVACY), notice=self.notice))

    def picture(self) -> np.ndarray:
        """Return what is on the screen."""
        grab = [need("import"), "-display", self.screen.name, "-window", "root", "bmp:-"]
        content = subprocess.run(grab, capture_output=True, check=True).stdout
        return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)

    def shows(self, state: SignState, text: str, size_px: tuple[int, int], *, night: bool = False) -> bool:
        """Return whether the whole screen is the sign, pixel by pixel, within a short time."""
        expected = draw_sign(state, text, size_px, night=night).astype(int)
        return eventually(lambda: abs(self.picture().astype(int) - expected).max() <= 2, 15, 0.2)

    def stop_watching(self) -> None:
        self._done.set()
        self._putting.join()
        self.server.close()

    def close(self) -> None:
        if not self._done.is_set():
            self.stop_watching()
        self.screen.kill()


@pytest.fixture(params=[FULL_HD, UPRIGHT], ids=["full-hd", "upright"])
def stop(request, tmp_path, monkeypatch):
    made = Stop(tmp_path, "{}x{}".format(*request.param))
    made.size_px = request.param
    monkeypatch.setenv("DISPLAY", made.screen.name)
    yield made
    made.close()


def test_a_real_sign_fills_the_screen_in_each_state_without_a_camera_image(stop):
    """The scenes contain an image and a person: where the screen equals the sign, neither is shown."""
    reported = []
    sign = sign_process(stop.server.path, TEXTS, "", reported.append)
    try:
        assert stop.shows(SignState.IDLE, IDLE["en"], stop.size_px)
        stop.notice = fakes.notice(NoticeState.ON, PLEASE["en"])
        assert stop.shows(SignState.NOTICE, PLEASE["en"], stop.size_px)
        stop.notice = fakes.notice(NoticeState.THANKS, THANKS["en"])
        assert stop.shows(SignState.THANKS, THANKS["en"], stop.size_px)
        stop.notice = Notice()
        assert stop.shows(SignState.IDLE, IDLE["en"], stop.size_px)
    finally:
        sign.close()
    assert set(reported) <= {""}


@pytest.mark.parametrize("stop", [FULL_HD], indirect=True)
def test_a_sign_with_stay_outlives_the_service_and_q_closes_it(stop):
    stop.notice = fakes.notice(NoticeState.ON, PLEASE["en"])
    command = [
        "-m",
        "edge",
        "sign",
        "--stay",
        "--socket",
        str(stop.server.path),
        "--texts",
        "Hello",
        "",
        "",
        "--night",
        "",
    ]
    process = subprocess.Popen([sys.executable, *command], env=environment(DISPLAY=stop.screen.name))
    assert stop.shows(SignState.NOTICE, PLEASE["en"], stop.size_px)
    stop.stop_watching()
    assert stop.shows(SignState.IDLE, "Hello", stop.size_px)
    assert process.poll() is None
    subprocess.run([need("xdotool"), "search", "--name", "^maskwatch sign$", "windowfocus", "key", "q"], check=True)
    assert process.wait(10) == 0


@pytest.mark.parametrize("stop", [FULL_HD], indirect=True)
def test_a_real_sign_is_dark_during_the_night_hours(stop):
    stop.notice = fakes.notice(NoticeState.ON, PLEASE["en"])
    sign = sign_process(stop.server.path, TEXTS, "00:00-24:00", [].append)
    try:
        assert stop.shows(SignState.NOTICE, PLEASE["en"], stop.size_px, night=True)
    finally:
        sign.close()


@pytest.mark.parametrize("stop", [FULL_HD], indirect=True)
def test_a_sign_closed_by_mouse_stays_closed_without_a_traceback(stop, capfd):
    sign = sign_process(stop.server.path, HELLO, "", [].append)
    try:
        assert stop.shows(SignState.IDLE, "Hello", stop.size_px)
        close_window(stop.screen.name, shown_window(stop.screen.name, "maskwatch sign"))
        assert eventually(lambda: sign.put(scene_of(PRIVACY)) or sign._closed, 20)
    finally:
        sign.close()
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("stop", [FULL_HD], indirect=True)
def test_a_hung_service_leaves_no_old_notice_on_the_sign(stop, monkeypatch):
    stop.notice = fakes.notice(NoticeState.ON, PLEASE["en"])
    sign = sign_process(stop.server.path, HELLO, "", [].append)
    try:
        assert stop.shows(SignState.NOTICE, PLEASE["en"], stop.size_px)
        stop._done.set()
        assert stop.shows(SignState.IDLE, "Hello", stop.size_px)
    finally:
        sign.close()


class StubbornWindows:
    """OpenCV's windows of which the first few miss that they were mapped, as happens with Qt on a busy machine."""

    WINDOW_NORMAL = WINDOW_FREERATIO = WINDOW_GUI_NORMAL = WND_PROP_FULLSCREEN = 0
    WINDOW_FULLSCREEN = 1

    def __init__(self, lost: int) -> None:
        self.lost, self.opened, self.destroyed = lost, 0, 0

    def namedWindow(self, *_: object) -> None:  # noqa: N802 - OpenCV's name
        self.opened += 1

    def destroyWindow(self, *_: object) -> None:  # noqa: N802
        self.destroyed += 1

    def getWindowImageRect(self, *_: object) -> tuple[int, int, int, int]:  # noqa: N802
        return (0, 0, 400, 300) if self.opened <= self.lost else (0, 0, *FULL_HD)

    def setWindowProperty(self, _title: str, _key: int, value: int) -> None:  # noqa: N802
        self.fills_screen = bool(value)

    def waitKey(self, *_: object) -> None:  # noqa: N802
        time.sleep(0.001)


@pytest.mark.parametrize(("lost", "opened"), [(0, 1), (2, 3), (99, 5)])
def test_a_window_that_does_not_appear_is_opened_again_and_the_last_one_stays(monkeypatch, lost, opened):
    windows = StubbornWindows(lost)
    monkeypatch.setattr(highgui, "cv2", windows)
    monkeypatch.setattr(highgui, "_OPEN_S", 0.02)
    highgui.open_full_screen("a window")
    assert (windows.opened, windows.destroyed) == (opened, opened - 1)
    assert windows.fills_screen


@pytest.mark.parametrize("stop", [FULL_HD], indirect=True)
def test_a_display_that_crashes_is_reported_and_the_sign_is_restarted(stop, caplog):
    reported = []
    sign = sign_process(stop.server.path, HELLO, "", reported.append)
    assert stop.shows(SignState.IDLE, "Hello", stop.size_px)
    stop.screen.kill()

    def is_reported() -> bool:
        sign.put(scene_of(PRIVACY))
        return any(reported)

    assert eventually(is_reported, 20)
    assert "the sign ended" in caplog.text
    sign.close()


def test_a_sign_without_a_display_or_a_service_ends_with_the_reason(tmp_path, display):
    done = maskwatch("sign")
    assert (done.returncode, "there is no display" in done.stderr) == (66, True)
    done = maskwatch("sign", "--socket", tmp_path / "none.sock", DISPLAY=display.name)
    assert (done.returncode, "no maskwatch is running there" in done.stderr) == (66, True)
