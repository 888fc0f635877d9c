"""The first ten minutes, by a real keyboard on a real terminal (a pty)."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import time

import cv2
import pytest

from edge.settings.load import load
from tests.support.fakes import eventually
from tests.support.mosquitto import Mosquitto
from tests.support.needs import need
from tests.support.ports import free_port
from tests.support.program import command, environment, maskwatch

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A user at a terminal: reads what stands there, types when asked."""

    def __init__(self, folder, *arguments) -> None:
        self.pid, self._screen = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe(command()[0], command("setup", *arguments), environment(COLUMNS="100", TERM="xterm"))
        self.text, self._read = "", 0

    def wait_for(self, words: str, timeout_s: float = 40.0) -> None:
        """Wait until something new stands on the screen."""
        until = time.monotonic() + timeout_s
        while words not in self.text[self._read :]:
            assert time.monotonic() < until, f"no {words!r} in:\n{self.text[self._read :]}"
            self._take(0.5)
        self._read = self.text.index(words, self._read) + len(words)

    def has(self, words: str) -> bool:
        """Return whether something new stands on the screen now."""
        self._take(0.1)
        return words in self.text[self._read :]

    def _take(self, timeout_s: float) -> bool:
        if not select.select([self._screen], [], [], timeout_s)[0]:
            return False
        with contextlib.suppress(OSError):  # the other end has gone
            part = os.read(self._screen, 4096).decode(errors="replace")
            self.text += ESCAPES.sub("", part).replace("\r", "")
            return bool(part)
        return False

    def answer(self, question: str, keys: str = "") -> None:
        """Wait for a question and type, Enter behind it."""
        self.wait_for(question)
        self.wait_for(": ")
        os.write(self._screen, f"{keys}\n".encode())

    def ctrl_c(self) -> None:
        os.write(self._screen, b"\x03")

    def end(self) -> int:
        """Return the exit code."""
        while self._take(20.0):
            pass
        _, status = os.waitpid(self.pid, 0)
        os.close(self._screen)
        return os.waitstatus_to_exitcode(status)


@pytest.fixture
def sit_down(tmp_path):
    """Return what opens a terminal in the test's folder; whoever still sits there is sent away."""
    terminals: list[Terminal] = []

    def open_terminal(*arguments) -> Terminal:
        terminals.append(Terminal(tmp_path, *arguments))
        return terminals[-1]

    yield open_terminal
    for terminal in terminals:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(terminal.pid, signal.SIGKILL)
            os.waitpid(terminal.pid, 0)


def names(folder) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"broker"}


def until_broker(terminal: Terminal, name: str = "stop-7") -> None:
    terminal.answer("Name, in every topic", name)
    terminal.answer("Place", "Main Street")
    terminal.answer("Which camera?", "3")
    terminal.wait_for("960 x 540 pixels")
    terminal.wait_for("The picture is fine.")
    terminal.answer("Look again")


def about_loudspeaker(terminal: Terminal) -> None:
    """Answer the question that stands only where espeak-ng can speak."""
    if shutil.which("espeak-ng"):
        terminal.answer("Is there a loudspeaker")


def after_broker(terminal: Terminal) -> None:
    terminal.wait_for("Please keep your distance")
    terminal.answer("with the bell?")
    about_loudspeaker(terminal)
    terminal.answer("Pin of a lamp")
    terminal.answer("Measure the lens?")
    terminal.answer("Which horizontal angle of view has it?", "2")
    terminal.answer("counted as near, metres", "1.5")


def test_setup_by_keyboard_alone_writes_a_file_that_maskwatch_takes(sit_down, tmp_path):
    terminal = sit_down("--config", "mine.toml")
    until_broker(terminal)
    terminal.answer("Host (embedded")
    after_broker(terminal)
    terminal.answer("Write mine.toml?")
    terminal.wait_for("maskwatch run --config mine.toml")
    assert terminal.end() == 0
    settings = load(file=tmp_path / "mine.toml").settings
    assert (settings.device.name, settings.camera.source, settings.mqtt.host) == ("stop-7", "demo", "embedded")
    assert (settings.distance.fov_deg, settings.distance.near_m) == (47.0, 1.5)
    assert "near_m = 1.5 # People nearer" in (tmp_path / "mine.toml").read_text()
    assert names(tmp_path) == {"mine.toml"}


def test_a_broker_is_tried_until_it_takes_us_and_its_password_goes_into_a_file_for_its_owner(sit_down, tmp_path):
    (tmp_path / "broker").mkdir()
    passwords = tmp_path / "broker" / "passwords"
    subprocess.run(
        [need("mosquitto_passwd"), "-b", "-c", passwords, "stop-7", "hush-hush"], check=True, capture_output=True
    )
    passwords.chmod(0o644)
    broker = Mosquitto(tmp_path / "broker", f"password_file {passwords}", port=free_port())
    terminal = sit_down("--config", "mine.toml")
    until_broker(terminal)

    def answers(user: str, password: str) -> None:
        terminal.answer("Host (embedded", "127.0.0.1")
        terminal.answer("Port", str(broker.port))
        terminal.answer("Encrypted?")
        terminal.answer("User", user)
        terminal.answer("empty: as it was)", password)

    answers("stop-7", "wrong")
    terminal.wait_for("unreachable: Connection refused; fix: start the broker")
    broker.start()
    terminal.answer("Change the answers?")
    answers("", "wrong")
    terminal.wait_for("refused: Not authorized; fix: check mqtt.user and the password")
    terminal.answer("Change the answers?")
    answers("", "hush-hush")
    terminal.wait_for("takes us.")
    after_broker(terminal)
    assert names(tmp_path) == set()
    terminal.answer("Write mine.toml?")
    assert terminal.end() == 0
    broker.stop()
    secret = tmp_path / "mine.password"
    assert (secret.read_text(), secret.stat().st_mode & 0o777) == ("hush-hush\n", 0o600)
    assert load(file=tmp_path / "mine.toml").settings.mqtt.password_file == str(secret)
    assert "hush-hush" not in terminal.text + (tmp_path / "mine.toml").read_text()


@pytest.mark.parametrize("question", ["Name, in every topic", "Which camera?", "Host (embedded", "Write mine.toml?"])
def test_ctrl_c_at_any_question_leaves_nothing(sit_down, tmp_path, question):
    terminal = sit_down("--config", "mine.toml")
    if question in ("Host (embedded", "Write mine.toml?"):
        until_broker(terminal)
    elif question == "Which camera?":
        terminal.answer("Name, in every topic", "stop-7")
        terminal.answer("Place", "Main Street")
    if question == "Write mine.toml?":
        terminal.answer("Host (embedded")
        after_broker(terminal)
    terminal.wait_for(question)
    terminal.ctrl_c()
    if not eventually(lambda: terminal.has("Nothing was changed."), 10):
        terminal.ctrl_c()  # Python misses one that comes just before it reads; so does a user's first
        terminal.wait_for("Nothing was changed.")
    assert terminal.end() == 130
    assert "Traceback" not in terminal.text
    assert names(tmp_path) == set()


def test_a_file_that_is_there_is_changed_only_after_asking_and_keeps_its_comments(sit_down, tmp_path):
    file = tmp_path / "mine.toml"
    before = "# the sign says so\n[device]\nname = 'stop-7' # here\nsite = 'Main Street'\n\n[alert]\ndwell_s = 2.0\n"
    file.write_text(before)
    for answer, code in (("n", 0), ("", 0)):
        terminal = sit_down("--config", "mine.toml")
        terminal.wait_for("It changes mine.toml")
        until_broker(terminal, "")
        terminal.answer("Host (embedded")
        after_broker(terminal)
        assert file.read_text() == before
        terminal.answer("Change mine.toml?", answer)
        assert terminal.end() == code
        assert ("Nothing was changed." in terminal.text) == (answer == "n")
        assert file.read_text().startswith(before.partition("\n\n")[0])
    assert "fov_deg = 47.0" in file.read_text()
    assert load(file=file).settings.alert.dwell_s == 2.0


@pytest.mark.parametrize(("turn", "degrees"), [(cv2.ROTATE_180, 180), (cv2.ROTATE_90_CLOCKWISE, 270)])
def test_a_camera_that_hangs_turned_is_found_and_turned_upright(sit_down, tmp_path, demo_scenes, turn, degrees):
    (tmp_path / "broker").mkdir()
    image = tmp_path / "broker/turned.png"
    cv2.imwrite(str(image), cv2.rotate(demo_scenes[11.0], turn))
    terminal = sit_down("--config", "mine.toml")
    terminal.answer("Name, in every topic")
    terminal.answer("Place")
    terminal.answer("Which camera?", "4")
    terminal.answer("Which?", str(image))
    terminal.answer(f"Turn the image by {degrees}°?")
    terminal.wait_for("960 x 540 pixels")
    terminal.wait_for("The picture is fine.")
    terminal.answer("Look again")
    terminal.answer("Host (embedded")
    after_broker(terminal)
    terminal.answer("Write mine.toml?")
    assert terminal.end() == 0
    settings = load(file=tmp_path / "mine.toml").settings
    assert settings.camera.rotate == degrees
    across = {180: 47.0, 270: 27.5}[degrees]  # the lens is one of 47 degrees across 1280 of 1280 x 720 pixels
    assert settings.distance.fov_deg == pytest.approx(across, abs=0.1)


def test_the_look_through_the_camera_sees_nothing_in_a_no_look_zone(sit_down, tmp_path):
    (tmp_path / "mine.toml").write_text('[privacy]\nno_look = ["0,0 1,0 1,1 0,1"]\n')
    terminal = sit_down("--config", "mine.toml")
    terminal.answer("Name, in every topic", "stop-7")
    terminal.answer("Place")
    terminal.answer("Which camera?", "3")
    terminal.wait_for("sharpness 0; faces: none in sight")


def test_a_camera_that_is_not_there_is_told_and_asked_for_again(sit_down):
    terminal = sit_down("--config", "mine.toml")
    terminal.answer("Name, in every topic")
    terminal.answer("Place")
    terminal.answer("Which camera?", "4")
    terminal.answer("Which?", "rtsp://127.0.0.1:9/none")
    terminal.answer("The camera's user (empty: none)")
    terminal.wait_for("cannot be opened")
    terminal.answer("Look again")
    terminal.wait_for("as it was: rtsp://127.0.0.1:9/none")
    terminal.ctrl_c()
    assert terminal.end() == 130


def test_the_password_of_a_camera_goes_from_its_address_into_a_file_for_its_owner(sit_down, tmp_path):
    terminal = sit_down("--config", "mine.toml")
    terminal.answer("Name, in every topic", "stop-7")
    terminal.answer("Place")
    terminal.answer("Which camera?", "4")
    terminal.answer("Which?", "rtsp://me:hush-%40-hush@127.0.0.1:9/none")
    asked_at = len(terminal.text)
    terminal.answer("The camera's user (empty: none) (me)")
    terminal.answer("The camera's password (not shown; empty: as it was)")
    terminal.wait_for("rtsp://127.0.0.1:9/none: cannot be opened")
    terminal.answer("Look again", "n")
    terminal.answer("Host (embedded")
    after_broker(terminal)
    terminal.wait_for("camera.password_file")
    assert names(tmp_path) == set()
    terminal.answer("Write mine.toml?")
    assert terminal.end() == 0
    camera, file = load(file=tmp_path / "mine.toml").settings.camera, tmp_path / "mine.camera-password"
    assert (camera.source, camera.user, camera.password_file) == ("rtsp://127.0.0.1:9/none", "me", str(file))
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("hush-@-hush\n", 0o600)
    assert "hush" not in (tmp_path / "mine.toml").read_text()
    assert "hush" not in terminal.text[asked_at:].replace("rtsp://me:hush-%40-hush@127.0.0.1:9/none", "", 1)


def test_without_a_terminal_it_says_so(tmp_path):
    done = maskwatch("setup", "--config", tmp_path / "mine.toml")
    assert done.returncode == 66
    assert "needs a terminal" in done.stderr


def test_one_wrong_answer_is_refused_at_once_and_all_others_stay(sit_down, tmp_path):
    """A wrong pin was found at the end, and with it all answers were lost."""
    (tmp_path / "mine.toml").write_text('[web]\nhost = "0.0.0.0"\n')
    terminal = sit_down("--config", "mine.toml")
    terminal.answer("Name, in every topic", "stop/7")
    terminal.wait_for("may have no space")
    until_broker(terminal)
    terminal.answer("Host (embedded", "ftp://broker")
    terminal.wait_for("ftp")
    terminal.answer("Host (embedded", "embedded")
    terminal.answer("with the bell?")
    about_loudspeaker(terminal)
    for pin in ("17", "GPIO28", "gpio17"):
        terminal.answer("Pin of a lamp", pin)
        terminal.wait_for("write the pin as the chip numbers it, GPIO0 to GPIO27")
    terminal.answer("Pin of a lamp", "GPIO17")
    terminal.answer("Measure the lens?")
    terminal.answer("Which horizontal angle of view has it?", "2")
    terminal.answer("counted as near, metres", "nan")
    terminal.answer("counted as near, metres", "1.5")
    terminal.wait_for("A run will refuse these settings: web.host: 0.0.0.0: other machines can reach this address")
    terminal.answer("Change mine.toml?")
    assert terminal.end() == 0
    settings = load(file=tmp_path / "mine.toml").settings
    assert (settings.device.name, settings.notice.lamp_pin, settings.distance.near_m) == ("stop-7", "GPIO17", 1.5)


def test_answers_that_cannot_be_written_are_printed(sit_down, tmp_path):
    """A folder that is a file: root may write everywhere else."""
    (tmp_path / "full").write_text("")
    terminal = sit_down("--config", "full/mine.toml")
    until_broker(terminal)
    terminal.answer("Host (embedded")
    after_broker(terminal)
    terminal.answer("Write full/mine.toml?")
    terminal.wait_for('name = "stop-7"')
    terminal.wait_for("near_m = 1.5")
    assert terminal.end() == 78
    assert "Traceback" not in terminal.text
