"""Other users of this machine and damaged data neither end a service or a viewer nor change what is shown."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as bounds
from hypothesis import strategies as st

from edge import paths
from edge.data import Mask, NoticeState
from edge.errors import ConfigError, NotRunning, OutputError, Unavailable
from edge.show import shared_memory, sockets
from edge.show.feed import MESSAGE_BYTES, Feed
from edge.show.shared_memory import SceneMapping, SceneWriter
from edge.show.shared_scene import SceneReader, SceneServer
from edge.show.view import Mark, View, from_json, to_json
from tests.support import fakes
from tests.support.fakes import scene_of
from tests.support.program import ROOT

NOBODY = 65_534
as_nobody = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a process of another user")
quick = bounds(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Return a folder of this user that others may enter; they may not enter those of pytest."""
    folder = Path(tempfile.mkdtemp(prefix="maskwatch-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def server(open_folder) -> Iterator[SceneServer]:
    made = SceneServer(open_folder / "s.sock", max_side_px=320, status=lambda: "fine")
    yield made
    made.close()


def putting(server: SceneServer, image: np.ndarray | None = None) -> Callable[[], None]:
    """Put scenes in a thread; return a function that ends it."""
    ended = threading.Event()
    scene = scene_of(fakes.picture(10) if image is None else image)

    def put() -> None:
        while not ended.wait(0.01):
            server.put(scene)

    thread = threading.Thread(target=put)
    thread.start()
    return lambda: (ended.set(), thread.join())[0]


def intrude(server: SceneServer, user: int, ways: str) -> dict:
    """Let another user, or this one, try to change the memory that members of the socket's group receive."""
    os.chown(server.path, -1, user if os.geteuid() == 0 else os.getegid())
    end = putting(server)
    try:
        script = (ROOT / "tests/support/intruder.py").read_text()
        done = subprocess.run(
            [sys.executable, "-I", "-c", script, str(server.path), str(user)],
            capture_output=True,
            text=True,
            env={"WAYS": ways},
            cwd="/",
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)
    finally:
        end()


@as_nobody
def test_a_member_of_the_socket_s_group_can_neither_write_nor_truncate_nor_seal_the_memory(server):
    """One could reopen it for writing through /proc, truncate it (a bus error), and write on the public sign."""
    outcomes = intrude(server, NOBODY, "chmod reopen seal")
    assert outcomes == {
        "user": NOBODY,
        "chmod": "PermissionError",
        "reopen": "PermissionError",
        "seal": "PermissionError",
    }


def test_even_the_service_s_own_user_can_neither_write_nor_truncate_nor_seal_the_memory(server):
    """No file mode stops root and the owner; the seals do."""
    outcomes = intrude(server, os.geteuid(), "chmod reopen scribble write truncate grow seal")
    assert {name: outcomes[name] for name in ("scribble", "write", "truncate", "grow", "seal")} == dict.fromkeys(
        ("scribble", "write", "truncate", "grow", "seal"), "PermissionError"
    )


def test_the_memory_is_readable_by_its_owner_only(server):
    assert stat.S_IMODE(os.fstat(server._memory.fd).st_mode) == 0o400
    assert fcntl.fcntl(server._memory.fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY


def test_viewers_are_limited_per_user_and_in_total(server, monkeypatch):
    """Each uses a descriptor of the service; connecting in a loop must not use up all of them."""
    readers = [SceneReader(server.path) for _ in range(12)]
    for _ in range(4):
        server.put(scene_of(fakes.picture(10)))
    assert len(server._viewers) == 8
    with pytest.raises(Unavailable, match=r"too many viewers.*fix"):
        readers[-1].newest(1)
    assert readers[0].newest(1) is not None
    users = iter(range(1000, 2000))
    monkeypatch.setattr(sockets, "_user_of", lambda _viewer: next(users))
    readers += [SceneReader(server.path) for _ in range(16)]
    for _ in range(2):
        server.put(scene_of(fakes.picture(10)))
    readers += [SceneReader(server.path) for _ in range(16)]
    for _ in range(2):
        server.put(scene_of(fakes.picture(10)))
    assert len(server._viewers) == 24
    for reader in readers:
        reader.close()


def test_other_users_cannot_use_up_the_viewers_of_the_service_s_own_user(server, monkeypatch):
    users = iter([*range(1000, 1030)])
    monkeypatch.setattr(sockets, "_user_of", lambda _viewer: next(users, os.geteuid()))
    readers = []
    for _ in range(2):
        readers += [SceneReader(server.path) for _ in range(15)]
        for _ in range(2):
            server.put(scene_of(fakes.picture(10)))
    own = SceneReader(server.path)
    server.put(scene_of(fakes.picture(10)))
    assert own.newest(1) is not None
    for reader in (*readers, own):
        reader.close()


def test_a_full_queue_counts_as_a_live_service_and_blocks_nobody(open_folder):
    """A probe that did not wait took it for dead and deleted its socket; one that waited never returned."""
    path = open_folder / "hung.sock"
    hung = socket.socket(socket.AF_UNIX)
    hung.bind(str(path))
    hung.listen(0)
    waiting = []
    began_at = time.monotonic()
    for _ in range(3):
        waiting.append(socket.socket(socket.AF_UNIX))
        waiting[-1].settimeout(0)
        waiting[-1].connect_ex(str(path))
    assert sockets.is_listening(path)
    with pytest.raises(Unavailable, match="too many viewers are waiting"):
        SceneReader(path)
    assert time.monotonic() - began_at < 1
    for each in (hung, *waiting):
        each.close()


def test_no_torn_image_is_read():
    """The check was off by one: a reader that the writer overtook showed halves of two images."""
    writer = SceneWriter(400)
    mapping = SceneMapping(os.dup(writer.fd))
    ended = threading.Event()
    image = np.empty((400, 400, 3), np.uint8)

    def write() -> None:
        while not ended.is_set():
            image[:] = writer.written % 251
            writer.write(image, str(writer.written).encode())

    thread = threading.Thread(target=write)
    thread.start()
    torn = seen = 0
    end_at = time.monotonic() + 2
    try:
        while time.monotonic() < end_at or seen < 50:
            scene = mapping.newest()
            if scene is not None:
                pixels, text = scene
                seen += 1
                torn += not (pixels == int(text) % 251).all()
    finally:
        ended.set()
        thread.join()
    assert (torn, seen >= 50) == (0, True)
    mapping.close()
    writer.close()


@pytest.mark.parametrize("overtaken_by", [0, 1, 2, 3])
def test_a_scene_is_complete_unless_the_writing_of_the_next_but_one_had_begun(monkeypatch, overtaken_by):
    """Step by step: the writer continues between the copy of a scene and the check."""
    writer = SceneWriter(16)
    mapping = SceneMapping(writer.fd)
    image = np.zeros((16, 16, 3), np.uint8)
    writer.write(image, b"1")
    copy, copies = SceneMapping._copy, []

    def copy_slowly(self: SceneMapping, half: int):
        scene = copy(self, half)
        copies.append(scene[1])
        if len(copies) == 1:
            for number in range(overtaken_by):
                writer.write(image, str(number + 2).encode())
        return scene

    monkeypatch.setattr(SceneMapping, "_copy", copy_slowly)
    scene = mapping.newest()
    assert scene is not None
    assert scene[1] == (b"1" if overtaken_by < 2 else str(overtaken_by + 1).encode())
    mapping.close()
    writer.close()


def test_a_scene_that_is_being_overwritten_is_not_accepted(monkeypatch):
    """During the check the writer is writing the next scene but one: the case that was missed."""
    writer = SceneWriter(16)
    mapping = SceneMapping(writer.fd)
    image = np.zeros((16, 16, 3), np.uint8)
    writer.write(image, b"1")
    copy, copies = SceneMapping._copy, []

    def copy_while_overtaken(self: SceneMapping, half: int):
        scene = copy(self, half)
        copies.append(scene[1])
        if len(copies) == 1:
            writer.write(image, b"2")
            shared_memory._HEAD.pack_into(writer._memory, 0, shared_memory._MAGIC, 3, 2)
        return scene

    monkeypatch.setattr(SceneMapping, "_copy", copy_while_overtaken)
    scene = mapping.newest()
    assert (scene and scene[1], copies) == (b"2", [b"1", b"2"])
    mapping.close()
    writer.close()


def greeted_with(fd: int, folder: Path) -> SceneReader:
    """Return a reader that receives `fd` as the memory and the announcement of a scene."""
    path = folder / f"fake-{time.monotonic_ns()}.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(1)
        reader = SceneReader(path)
        other, _ = listener.accept()
        socket.send_fds(other, [b"\0"], [fd])
        other.send(b"\1" * 50)
        reader.other_end = other  # kept open with it
    return reader


@quick
@given(content=st.binary(max_size=300), sizes=st.tuples(*[st.integers(0, 2**32 - 1)] * 3), at=st.integers(0, 200))
def test_a_reader_survives_any_content_of_the_memory(tmp_path, content, sizes, at):
    writer = SceneWriter(32)
    writer.write(np.zeros((16, 16, 3), np.uint8), to_json(View()))
    start = shared_memory._PAGE + writer._half_bytes * (writer.written % 2)
    shared_memory._SIZES.pack_into(writer._memory, start, *sizes)
    writer._memory[start + at : start + at + len(content)] = content
    with closing(greeted_with(writer.fd, tmp_path)) as reader:
        scene = reader.newest(1)
        assert scene is None or isinstance(scene[1], View)
        writer.write(np.full((16, 16, 3), 7, np.uint8), to_json(View(status="whole")))
        reader.other_end.send(b"\1")
        healed = reader.newest(1)
        assert healed is not None
        assert (healed[0][0, 0, 0], healed[1].status) == (7, "whole")
        reader.other_end.close()
    writer.close()


def unsealed(size: int, content: bytes = b"") -> int:
    fd = os.memfd_create("unsealed", os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, size)
    os.pwrite(fd, content, 0)
    return fd


@pytest.mark.parametrize(
    ("size", "content", "seals", "reason"),
    [
        (0, b"", fcntl.F_SEAL_SHRINK, "cannot be mapped|Invalid|empty"),
        (100, b"", fcntl.F_SEAL_SHRINK, "another version"),
        (1 << 20, b"\7" * 64, fcntl.F_SEAL_SHRINK, "another version"),
        (1 << 20, b"mwscene\1" + b"\1" * 64, fcntl.F_SEAL_SHRINK, "another version"),
        (1 << 20, shared_memory._MAGIC + b"\1" * 64, 0, "not sealed"),
    ],
    ids=["empty", "short", "0.1.0", "older", "unsealed"],
)
def test_memory_of_another_version_or_without_seals_is_refused_with_the_fix(tmp_path, size, content, seals, reason):
    fd = unsealed(size, content)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    with closing(greeted_with(fd, tmp_path)) as reader:
        with pytest.raises(Unavailable, match=reason) as caught:
            reader.newest(1)
        assert "fix: restart" in str(caught.value)
        reader.other_end.close()
    os.close(fd)


def test_a_file_in_place_of_the_memory_is_refused(tmp_path):
    (tmp_path / "file").write_bytes(bytes(1 << 20))
    fd = os.open(tmp_path / "file", os.O_RDONLY)
    with closing(greeted_with(fd, tmp_path)) as reader:
        with pytest.raises(Unavailable, match="cannot be mapped"):
            reader.newest(1)
        reader.other_end.close()
    os.close(fd)


def test_a_connection_that_breaks_ends_the_reader_without_an_error(tmp_path):
    path = tmp_path / "s.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(1)
        with closing(SceneReader(path)) as reader:
            other, _ = listener.accept()
            reader._socket.send(b"unread")
            other.close()  # with something unread: a reset
            with pytest.raises(NotRunning, match="ended"):
                reader.newest(1)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["marks", "status", "banner", "decided_at", "thanks", "box", "mask", "confidence", "x"]),
            inner,
        )
    ),
    max_leaves=12,
)


@bounds(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()))
def test_content_is_a_view_that_can_be_drawn_or_a_value_error(content):
    from edge.show.overlay import draw

    try:
        view = from_json(content)
    except ValueError:
        return
    draw(fakes.picture(9, (64, 48)), view)


@pytest.mark.parametrize(
    "change",
    [
        '"box":[0.1,0.2,0.5,1e300]',
        '"box":[0.1,0.2,0.5,NaN]',
        '"box":[0.1,0.2,0.5]',
        '"mask":"king"',
        '"confidence":9',
        '"away_m":Infinity',
        '"track_id":"x"',
    ],
)
def test_a_mark_that_cannot_be_drawn_is_refused(change):
    mark = '{"box":[0.1,0.2,0.5,0.6],"mask":"unsure","confidence":0.5,"track_id":1,"away_m":null,%s}'
    whole = '{"marks":[%s],"status":"","banner":"","decided_at":1.0,"thanks":false}'
    from_json((whole % (mark % '"track_id":1')).encode())
    with pytest.raises(ValueError, match="validation error"):
        from_json((whole % (mark % change)).encode())


def test_as_many_marks_of_a_crowd_are_sent_as_fit():
    """The text was cut at 64 KiB, which ended the image thread of the page for good."""
    crowd = View(tuple(Mark((0.1, 0.1, 0.2, 0.2), Mask.UNSURE, 0.5, n, 1.23) for n in range(3000)), "fine", "notice")
    text = to_json(crowd, shared_memory.TEXT_BYTES)
    view = from_json(text)
    assert 0.9 * shared_memory.TEXT_BYTES < len(text) <= shared_memory.TEXT_BYTES
    assert (view.status, view.banner, view.marks[0]) == ("fine", "notice", crowd.marks[0])


def test_an_endless_text_is_cut_before_it_is_shown(server):
    notice = fakes.notice(NoticeState.ON, "\N{PILE OF POO}" * 100_000)
    scene = replace(scene_of(fakes.picture(10)), notice=notice)
    reader = SceneReader(server.path)
    server.put(scene)
    assert len(reader.newest(1)[1].banner) == 4_000
    reader.close()


def test_a_message_that_is_too_long_is_not_sent_and_disconnects_nobody(tmp_path, caplog):
    message = [b"x" * (MESSAGE_BYTES + 1)]
    made = Feed(tmp_path / "s.day", compose=lambda: message[0], version=int, every_s=0)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as ear:
        ear.connect(str(made.path))
        for _ in range(3):
            made.put(fakes.scene())
        message[0] = b"short"
        made.put(fakes.scene())
        assert ear.recv(MESSAGE_BYTES) == b"short"
    assert caplog.text.count("too long") == 1
    made.close()


class TestSharedPlaces:
    """Sockets and folders where every user can put something first."""

    @pytest.fixture(autouse=True)
    def _shared(self, monkeypatch, open_folder) -> None:
        """Stand in for /tmp: sticky, open to all."""
        self.tmp = open_folder / "tmp"
        self.tmp.mkdir()
        self.tmp.chmod(0o1777)
        self.other = open_folder / "shm"
        monkeypatch.setattr(paths, "_SHARED", (self.tmp, self.other))
        monkeypatch.setattr(paths, "_home_state", lambda: None)  # else that is the last resort
        for variable in ("RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR"):
            monkeypatch.delenv(variable, raising=False)
        self.own = self.tmp / f"maskwatch-{os.geteuid()}"

    def test_the_folder_is_made_for_this_user_only(self):
        assert paths.scene_socket() == self.own / "scene.sock"
        assert stat.S_IMODE(self.own.stat().st_mode) == 0o700

    def refused(self) -> None:
        with pytest.raises(OutputError, match=r"another user, or others may write in it; fix: .*show\.socket"):
            paths.scene_socket()
        assert paths.running_scene(None) == paths.SERVICE_SCENE

    @as_nobody
    def test_a_folder_of_another_user_is_refused(self):
        self.own.mkdir(mode=0o700)
        os.chown(self.own, NOBODY, NOBODY)
        self.refused()

    @pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
    def test_a_folder_in_which_others_may_write_is_refused(self, mode):
        self.own.mkdir()
        self.own.chmod(mode)
        self.refused()

    def test_a_link_in_its_place_is_refused_even_to_a_folder_of_this_user(self):
        (self.tmp / "elsewhere").mkdir(mode=0o700)
        self.own.symlink_to(self.tmp / "elsewhere")
        self.refused()

    def test_a_file_in_its_place_is_refused(self):
        self.own.write_text("")
        self.refused()

    def test_where_tmp_cannot_be_used_the_next_shared_folder_is(self):
        self.own.write_text("")
        self.other.mkdir()
        assert paths.scene_socket() == self.other / self.own.name / "scene.sock"

    def test_where_no_shared_folder_can_be_used_the_home_is(self, monkeypatch):
        self.own.write_text("")
        home = self.tmp.parent / "home/.local/state/maskwatch"
        monkeypatch.setattr(paths, "_home_state", lambda: home)
        assert paths.scene_socket() == home / "scene.sock"
        assert stat.S_IMODE(home.stat().st_mode) == 0o700

    def test_without_a_home_state_is_kept_in_the_service_s_folder_or_the_shared_one(self, monkeypatch):
        monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/x:/var/lib/y")
        assert paths.state_folder() == Path("/var/lib/x")
        monkeypatch.delenv("STATE_DIRECTORY")
        assert paths.state_folder() == self.own

    @pytest.mark.parametrize("variable", ["RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR"])
    def test_a_runtime_folder_in_which_others_may_write_is_not_used(self, monkeypatch, variable, tmp_path):
        (tmp_path / "run").mkdir(mode=0o700)
        monkeypatch.setenv(variable, str(tmp_path / "run"))
        assert paths.scene_socket() == tmp_path / "run/scene.sock"
        (tmp_path / "run").chmod(0o777)
        assert paths.scene_socket() == self.own / "scene.sock"

    @pytest.mark.parametrize("depth", [0, 1, 2])
    def test_a_socket_is_not_made_where_others_could_replace_it(self, depth, tmp_path):
        folder = tmp_path / "a/b/c"
        folder.mkdir(parents=True)
        open_one = [folder, *folder.parents][depth]
        open_one.chmod(0o777)
        with pytest.raises(ConfigError, match=rf"show\.socket: .*other users may write in {open_one}; fix: chmod go-w"):
            SceneServer(folder / "s.sock", max_side_px=16, status=str)
        with pytest.raises(ConfigError, match=r"show\.socket"):
            Feed(folder / "s.day", compose=bytes, version=int, every_s=1)

    @as_nobody
    def test_a_socket_is_not_made_in_a_folder_of_another_user(self, tmp_path):
        folder = tmp_path / "theirs/ours"
        folder.mkdir(parents=True)
        os.chown(folder.parent, NOBODY, NOBODY)
        with pytest.raises(ConfigError, match=rf"other users may write in {folder.parent}; fix"):
            SceneServer(folder / "s.sock", max_side_px=16, status=str)

    @pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
    def test_a_socket_has_its_mode_from_the_start(self, umask, tmp_path, monkeypatch):
        """It got its mode by name after it was made, when the name could already point to a file of a victim."""
        modes = []
        monkeypatch.setattr(sockets, "_give_to_group", lambda path, _group: modes.append(path.stat().st_mode & 0o777))
        monkeypatch.setattr(Path, "chmod", lambda *_: pytest.fail("a chmod by name"))
        before = os.umask(umask)
        try:
            made = SceneServer(tmp_path / "s.sock", max_side_px=16, status=str, group="any")
            assert os.umask(umask) == umask
        finally:
            os.umask(before)
        assert modes == [0o660]
        made.close()

    def test_giving_a_socket_to_its_group_follows_no_link(self, tmp_path):
        victim, link = tmp_path / "victim", tmp_path / "s.sock"
        victim.write_text("")
        link.symlink_to(victim)
        group = victim.stat().st_gid
        sockets._give_to_group(link, "daemon")
        assert victim.stat().st_gid == group

    @pytest.mark.parametrize("kind", ["file", "folder", "link"])
    def test_a_path_that_is_not_a_socket_is_not_deleted(self, kind, tmp_path):
        """A mistyped `show.socket` deleted the file at that path."""
        path = tmp_path / "notes.txt"
        {
            "file": lambda: path.write_text("mine"),
            "folder": path.mkdir,
            "link": lambda: path.symlink_to(tmp_path),
        }[kind]()
        with pytest.raises(OutputError, match="is not a socket; fix"):
            SceneServer(path, max_side_px=16, status=str)
        assert path.exists()
