"""The setup wizard on a real terminal (a pty), answered by keyboard."""

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
    """A user at a terminal, who reads the screen and types when asked."""

    def __init__(self, folder, *arguments) -> None:
        self.pid, self._screen = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe(command()[0], command("setup", *arguments), environment(COLUMNS="100", TERM="xterm"))
        self.text, self._read = "", 0

    def wait_for(self, words: str, timeout_s: float = 40.0) -> None:
        """Wait until a new text is on the screen."""
        until = time.monotonic() + timeout_s
        while words not in self.text[self._read :]:
            assert time.monotonic() < until, f"no {words!r} in:\n{self.text[self._read :]}"
            self._take(0.5)
        self._read = self.text.index(words, self._read) + len(words)

    def has(self, words: str) -> bool:
        """Return whether a new text is on the screen now."""
        self._take(0.1)
        return words in self.text[self._read :]

    def _take(self, timeout_s: float) -> bool:
        if not select.select([self._screen], [], [], timeout_s)[0]:
            return False
        with contextlib.suppress(OSError):  # the other end is closed
            part = os.read(self._screen, 4096).decode(errors="replace")
            self.text += ESCAPES.sub("", part).replace("\r", "")
            return bool(part)
        return False

    def answer(self, question: str, keys: str = "") -> None:
        """Wait for a question, type the answer and press Enter."""
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
def open_wizard(tmp_path):
    """Return what opens a terminal in the test's folder; those still open at the end are killed."""
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
    terminal.answer("Device name", name)
    terminal.answer("Site", "Main Street")
    terminal.answer("Which camera?", "3")
    terminal.wait_for("960 x 540 pixels")
    terminal.wait_for("The image is fine.")
    terminal.answer("Check again")


def about_loudspeaker(terminal: Terminal) -> None:
    """Answer the question that is asked only if espeak-ng is installed."""
    if shutil.which("espeak-ng"):
        terminal.answer("Is there a loudspeaker")


def after_broker(terminal: Terminal) -> None:
    terminal.wait_for("Please keep your distance")
    terminal.answer("with the bell?")
    about_loudspeaker(terminal)
    terminal.answer("Pin of a lamp")
    terminal.answer("Measure the lens now?")
    terminal.answer("Which horizontal angle of view does it have?", "2")
    terminal.answer("count as near, in metres", "1.5")


def test_setup_by_keyboard_writes_a_valid_settings_file(open_wizard, tmp_path):
    terminal = open_wizard("--config", "mine.toml")
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


def test_a_broker_is_tested_until_it_accepts_and_its_password_goes_into_a_file_for_its_owner(open_wizard, tmp_path):
    (tmp_path / "broker").mkdir()
    passwords = tmp_path / "broker" / "passwords"
    subprocess.run(
        [need("mosquitto_passwd"), "-b", "-c", passwords, "stop-7", "hush-hush"], check=True, capture_output=True
    )
    passwords.chmod(0o644)
    broker = Mosquitto(tmp_path / "broker", f"password_file {passwords}", port=free_port())
    terminal = open_wizard("--config", "mine.toml")
    until_broker(terminal)

    def answers(user: str, password: str) -> None:
        terminal.answer("Host (embedded", "127.0.0.1")
        terminal.answer("Port", str(broker.port))
        terminal.answer("Encrypt the connection")
        terminal.answer("User", user)
        terminal.answer("empty: unchanged)", password)

    answers("stop-7", "wrong")
    terminal.wait_for("unreachable: Connection refused; fix: start the broker")
    broker.start()
    terminal.answer("Change the answers?")
    answers("", "wrong")
    terminal.wait_for("refused: Not authorized; fix: check mqtt.user and the password")
    terminal.answer("Change the answers?")
    answers("", "hush-hush")
    terminal.wait_for("accepts the connection and a test alert.")
    after_broker(terminal)
    assert names(tmp_path) == set()
    terminal.answer("Write mine.toml?")
    assert terminal.end() == 0
    broker.stop()
    secret = tmp_path / "mine.password"
    assert (secret.read_text(), secret.stat().st_mode & 0o777) == ("hush-hush\n", 0o600)
    assert load(file=tmp_path / "mine.toml").settings.mqtt.password_file == str(secret)
    assert "hush-hush" not in terminal.text + (tmp_path / "mine.toml").read_text()


@pytest.mark.parametrize("question", ["Device name", "Which camera?", "Host (embedded", "Write mine.toml?"])
def test_ctrl_c_at_any_question_leaves_nothing(open_wizard, tmp_path, question):
    terminal = open_wizard("--config", "mine.toml")
    if question in ("Host (embedded", "Write mine.toml?"):
        until_broker(terminal)
    elif question == "Which camera?":
        terminal.answer("Device name", "stop-7")
        terminal.answer("Site", "Main Street")
    if question == "Write mine.toml?":
        terminal.answer("Host (embedded")
        after_broker(terminal)
    terminal.wait_for(question)
    terminal.ctrl_c()
    if not eventually(lambda: terminal.has("Nothing was changed."), 10):
        terminal.ctrl_c()  # Python misses one that arrives just before it reads, as it would a user's
        terminal.wait_for("Nothing was changed.")
    assert terminal.end() == 130
    assert "Traceback" not in terminal.text
    assert names(tmp_path) == set()


def test_an_existing_file_is_changed_only_after_asking_and_keeps_its_comments(open_wizard, tmp_path):
    file = tmp_path / "mine.toml"
    before = "# the sign says so\n[device]\nname = 'stop-7' # here\nsite = 'Main Street'\n\n[alert]\ndwell_s = 2.0\n"
    file.write_text(before)
    for answer, code in (("n", 0), ("", 0)):
        terminal = open_wizard("--config", "mine.toml")
        terminal.wait_for("It will change mine.toml")
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
def test_a_rotated_camera_is_detected_and_turned_upright(open_wizard, tmp_path, demo_scenes, turn, degrees):
    (tmp_path / "broker").mkdir()
    image = tmp_path / "broker/turned.png"
    cv2.imwrite(str(image), cv2.rotate(demo_scenes[11.0], turn))
    terminal = open_wizard("--config", "mine.toml")
    terminal.answer("Device name")
    terminal.answer("Site")
    terminal.answer("Which camera?", "4")
    terminal.answer("Address or path", str(image))
    terminal.answer(f"Turn the image by {degrees}°?")
    terminal.wait_for("960 x 540 pixels")
    terminal.wait_for("The image is fine.")
    terminal.answer("Check again")
    terminal.answer("Host (embedded")
    after_broker(terminal)
    terminal.answer("Write mine.toml?")
    assert terminal.end() == 0
    settings = load(file=tmp_path / "mine.toml").settings
    assert settings.camera.rotate == degrees
    across = {180: 47.0, 270: 27.5}[degrees]  # the lens is one of 47 degrees across 1280 of 1280 x 720 pixels
    assert settings.distance.fov_deg == pytest.approx(across, abs=0.1)


def test_the_camera_check_sees_nothing_in_a_privacy_zone(open_wizard, tmp_path):
    (tmp_path / "mine.toml").write_text('[privacy]\nno_look = ["0,0 1,0 1,1 0,1"]\n')
    terminal = open_wizard("--config", "mine.toml")
    terminal.answer("Device name", "stop-7")
    terminal.answer("Site")
    terminal.answer("Which camera?", "3")
    terminal.wait_for("sharpness 0; faces: none")


def test_a_missing_camera_is_reported_and_asked_for_again(open_wizard):
    terminal = open_wizard("--config", "mine.toml")
    terminal.answer("Device name")
    terminal.answer("Site")
    terminal.answer("Which camera?", "4")
    terminal.answer("Address or path", "rtsp://127.0.0.1:9/none")
    terminal.answer("The camera's user (empty: none)")
    terminal.wait_for("cannot be opened")
    terminal.answer("Check again")
    terminal.wait_for("unchanged: rtsp://127.0.0.1:9/none")
    terminal.ctrl_c()
    assert terminal.end() == 130


def test_the_password_of_a_camera_goes_from_its_address_into_a_file_for_its_owner(open_wizard, tmp_path):
    terminal = open_wizard("--config", "mine.toml")
    terminal.answer("Device name", "stop-7")
    terminal.answer("Site")
    terminal.answer("Which camera?", "4")
    terminal.answer("Address or path", "rtsp://me:hush-%40-hush@127.0.0.1:9/none")
    asked_at = len(terminal.text)
    terminal.answer("The camera's user (empty: none) (me)")
    terminal.answer("The camera's password (not shown; empty: unchanged)")
    terminal.wait_for("rtsp://127.0.0.1:9/none: cannot be opened")
    terminal.answer("Check again", "n")
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


def test_without_a_terminal_it_fails_with_the_reason(tmp_path):
    done = maskwatch("setup", "--config", tmp_path / "mine.toml")
    assert done.returncode == 66
    assert "needs a terminal" in done.stderr


def test_a_wrong_answer_is_refused_at_once_and_the_others_are_kept(open_wizard, tmp_path):
    """A wrong pin was once refused only at the end, and all answers were lost."""
    (tmp_path / "mine.toml").write_text('[web]\nhost = "0.0.0.0"\n')
    terminal = open_wizard("--config", "mine.toml")
    terminal.answer("Device name", "stop/7")
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
    terminal.answer("Measure the lens now?")
    terminal.answer("Which horizontal angle of view does it have?", "2")
    terminal.answer("count as near, in metres", "nan")
    terminal.answer("count as near, in metres", "1.5")
    terminal.wait_for("maskwatch run will refuse these settings: web.host: 0.0.0.0: other machines can reach")
    terminal.answer("Change mine.toml?")
    assert terminal.end() == 0
    settings = load(file=tmp_path / "mine.toml").settings
    assert (settings.device.name, settings.notice.lamp_pin, settings.distance.near_m) == ("stop-7", "GPIO17", 1.5)


def test_answers_that_cannot_be_written_are_printed(open_wizard, tmp_path):
    """The folder is a file, since root may write everywhere else."""
    (tmp_path / "full").write_text("")
    terminal = open_wizard("--config", "full/mine.toml")
    until_broker(terminal)
    terminal.answer("Host (embedded")
    after_broker(terminal)
    terminal.answer("Write full/mine.toml?")
    terminal.wait_for('name = "stop-7"')
    terminal.wait_for("near_m = 1.5")
    assert terminal.end() == 78
    assert "Traceback" not in terminal.text
