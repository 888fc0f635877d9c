"""The cases that `tests.fuzz` throws: each takes dice and raises only what it must not."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import struct
import tempfile
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge import paths
from edge.alert.episodes import EpisodePolicy
from edge.boxes import Letterbox, clip, iou, nms, shorter_sides
from edge.capture.files import read_image
from edge.capture.opencv import OpenCvCamera
from edge.capture.preprocess import untouched
from edge.capture.spec import open_source
from edge.classify.mask import softmax
from edge.classify.vote import Voter
from edge.crop import crop_face
from edge.data import CLASSES, Alert, EventType, Faces, Frame, Mask, Reason, Scene, Track, Verdicts
from edge.detect.centerface import decode
from edge.errors import CameraError, ConfigError, InputError, ModelError
from edge.publish.message import Clock, Sender
from edge.publish.subscriber import describe, parse
from edge.settings.load import load
from edge.tflite import Model, ModelSpec, read_spec
from edge.track.motion import MotionTracker

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

_NOWHERE = Path("/nonexistent")
_WRONG_NUMBERS = (float("nan"), float("inf"), -float("inf"), 1e30, -1e30, 1e9, 0.0, -0.0, 1e-30, 0.5, 3.0)
_WRONG_JSON = (None, True, "", "x" * 300, "\ud800", "\x1b[2J", "a\nb", 10**400, -1, 1e308, [], {}, [[[]]], "2026", 0)
_WRONG_VALUES = ("", "-1", "1e400", "nan", "inf", "true", '"x"', "[]", "{}", "[[1]]", "''", "'''", "0x10", "1979-05-27")
_WRONG_TEXT = (
    "",
    "/",
    "usb:",
    "usb:99999999999999999999",
    "rtsp://",
    "a" * 5000,
    "\0",
    "..",
    "embedded",
    "é",
    "rtsp://@",
)
_LOAD_S = 10


class RuntimeDiedError(Exception):
    """The model runtime, C++, took its process along; the file's hash was made to match."""


@cache
def scratch() -> Path:
    """Return a folder in memory for this process."""
    home = "/dev/shm" if Path("/dev/shm").is_dir() else None
    return Path(tempfile.mkdtemp(prefix=f"fuzz{os.getpid()}-", dir=home))


def tidy() -> None:
    """Remove what this process wrote."""
    shutil.rmtree(scratch(), ignore_errors=True)


def mutated(content: bytes, dice: random.Random) -> bytes:
    """Return bytes flipped, cut, doubled or put in."""
    changed = bytearray(content)
    for _ in range(dice.randint(1, 6)):
        at = dice.randrange(len(changed) + 1) if changed else 0
        deed = dice.randrange(4)
        if deed == 0 and changed:
            changed[at % len(changed)] = dice.randrange(256)
        elif deed == 1:
            del changed[at : at + dice.randint(1, 40)]
        elif deed == 2:
            changed[at:at] = dice.randbytes(dice.randint(1, 8))
        else:
            changed[at:at] = changed[at // 2 : at // 2 + dice.randint(1, 40)]
    return bytes(changed)


@cache
def _default_toml() -> bytes:
    return (paths.config() / "default.toml").read_bytes()


@cache
def _keys() -> tuple[str, ...]:
    return tuple(load(system_file=_NOWHERE).origins)


def _text(dice: random.Random) -> str:
    kind = dice.randrange(3)
    if kind == 0:
        return dice.choice(_WRONG_TEXT)
    return "".join(chr(dice.randrange(1, 0x250 if kind == 1 else 0xD7FF)) for _ in range(dice.randint(0, 30)))


def settings_option(dice: random.Random) -> None:
    """Override random keys with random values."""
    overrides = []
    for _ in range(dice.randint(1, 3)):
        key = dice.choice(_keys()) if dice.random() < 0.8 else _text(dice)
        value = dice.choice(_WRONG_VALUES) if dice.random() < 0.5 else _text(dice)
        overrides.append(f"{key}={value}" if dice.random() < 0.95 else key)
    try:
        load(overrides=overrides, system_file=_NOWHERE)
    except ConfigError:
        return


def settings_file(dice: random.Random) -> None:
    """Read a settings file of which bytes are wrong."""
    path = scratch() / "settings.toml"
    path.write_bytes(mutated(_default_toml(), dice))
    try:
        load(file=path, system_file=_NOWHERE)
    except ConfigError:
        return


@cache
def _camera_settings() -> object:
    return load(system_file=_NOWHERE).settings.camera


def source_spec(dice: random.Random) -> None:
    """Name a source that makes no sense."""
    settings = _camera_settings().model_copy(update={"source": _text(dice) or "x"})  # type: ignore[attr-defined]
    try:
        open_source(settings, small_px=(320, 256), stop=threading.Event(), paint=untouched).close()
    except (InputError, CameraError):
        return


@cache
def _alert_body() -> dict[str, object]:
    sender = Sender("d", "", "main", "s", Clock(boot="b"), 60.0)
    return json.loads(sender.alert(_alert(), _scene(), _mask_spec()).now(sender.clock).payload)  # type: ignore[no-any-return]


def inbound(dice: random.Random) -> None:
    """Hear a malformed or hostile alert; one that is taken must make one printable line."""
    body = dict(_alert_body())
    for _ in range(dice.randint(0, 3)):
        body[dice.choice(list(body))] = dice.choice(_WRONG_JSON)
    payload = json.dumps(body).encode()
    alert = parse(mutated(payload, dice) if dice.random() < 0.6 else payload)
    if alert is not None:
        line = describe(alert)
        line.encode()
        if not line.isprintable():
            raise ValueError(f"a line with control characters: {line!r}")


def _numbers(dice: random.Random, count: int, *, wrong: float) -> list[float]:
    return [dice.choice(_WRONG_NUMBERS) if dice.random() < wrong else dice.uniform(-50, 700) for _ in range(count)]


def _boxes(dice: random.Random, count: int, *, wrong: float) -> np.ndarray:
    return np.array(_numbers(dice, 4 * count, wrong=wrong), np.float32).reshape(-1, 4)


def _faces(dice: random.Random, wrong: float) -> Faces:
    count = dice.randrange(6)
    scores = np.array([dice.random() for _ in range(count)], np.float32)
    return Faces(_boxes(dice, count, wrong=wrong), scores)


def walk(dice: random.Random) -> None:
    """Track, vote, alert and publish for faces anywhere, with a clock that jumps."""
    wrong, at = dice.choice((0.0, 0.0, 0.1)), 0.0
    tracker = MotionTracker(min_iou=dice.random(), max_lost_s=dice.uniform(0, 3))
    voter = Voter(every_s=dice.random() * 0.3, max_per_frame=4, half_life_s=dice.choice((0.0, 0.6)), min_votes=1)
    rule = {"dwell_s": dice.random() * 0.5, "clear_s": 0.2, "gone_s": 0.2, "update_s": dice.random()}
    policy = EpisodePolicy(**rule, incorrect=dice.random() < 0.5, new_id=lambda: "e")  # type: ignore[arg-type]
    sender = Sender("d", "", "main", "s", Clock(boot="b"), 60.0)
    for _ in range(dice.randint(1, 8)):
        at += dice.choice((0.1, 0.1, 0.3, 0.0, 30.0, -10.0))
        faces = _faces(dice, wrong)
        tracks = tracker.update(faces, at)
        due = voter.due(tracks, at)
        tracks = voter.vote(tracks, due, _verdicts(dice, len(due)), at)
        alerts = policy.judge(tracks, at)
        scene = Scene(_frame(), faces, tracks, alerts, at, policy.open())
        for alert in alerts:
            sender.alert(alert, scene, _mask_spec()).now(sender.clock)
    policy.close(at, Reason.STOPPED)


def _verdicts(dice: random.Random, count: int) -> Verdicts:
    logits = np.array(_numbers(dice, 3 * count, wrong=0.0), np.float32).reshape(-1, 3)
    masks = tuple(dice.choice((*CLASSES, Mask.UNSURE)) for _ in range(count))
    return Verdicts(softmax(logits) if count else np.zeros((0, 3), np.float32), masks)


@cache
def _frame() -> Frame:
    return Frame(np.zeros((48, 64, 3), np.uint8), 0, at=0.0, read_at=0.0)


@cache
def _mask_spec() -> ModelSpec:
    return read_spec(paths.models() / "mask")


@cache
def _alert() -> Alert:
    track = Track(1, (1.0, 1.0, 9.0, 9.0), 0, 0.0, 0.0, Mask.WITHOUT_MASK, 0.9, 3, (0.05, 0.9, 0.05))
    return Alert("e1", EventType.START, 0, Mask.WITHOUT_MASK, track, 0.0, 0.0)


def _scene() -> Scene:
    return Scene(_frame(), Faces.none(), (), (_alert(),), 0.0)


def geometry(dice: random.Random) -> None:
    """Decode a detector's maps that hold anything, and cut the faces out of a picture, as a frame's walk does."""
    width, height = dice.choice(((64, 48), (1, 1), (3, 700), (640, 2), (97, 31)))
    picture = np.zeros((height, width, 3), np.uint8)
    letterbox = Letterbox.fit((width, height), 64, 48)
    letterbox.apply(picture)
    maps = [_map(dice, channels) for channels in (1, 2, 2, 10)]
    with np.errstate(all="ignore"):
        faces = decode(*maps, min_score=0.3)
        boxes = clip(letterbox.undo(faces.boxes), width, height)
        shorter_sides(boxes)
        nms(boxes, faces.scores, 0.3)
        iou(boxes, _boxes(dice, 3, wrong=0.3))
        for box in boxes[:4]:
            crop_face(picture, box, size_px=32, margin=0.25)
        for box in _boxes(dice, 2, wrong=0.0):
            crop_face(picture, box, size_px=32, margin=0.25)


def _map(dice: random.Random, channels: int) -> np.ndarray:
    values = np.random.default_rng(dice.getrandbits(32)).normal(0, 1.5, (1, 4, 5, channels)).astype(np.float32)
    if dice.random() < 0.5:
        for _ in range(3):
            values.flat[dice.randrange(values.size)] = dice.choice(_WRONG_NUMBERS)
    return values


@cache
def _pictures() -> tuple[tuple[str, bytes], ...]:
    image = np.random.default_rng(5).integers(0, 255, (24, 32, 3)).astype(np.uint8)
    image = cv2.GaussianBlur(image, (0, 0), 3)
    kinds = (".jpg", ".png", ".bmp", ".webp", ".tif", ".ppm")
    encoded = [(kind, cv2.imencode(kind, image)[1].tobytes()) for kind in kinds]
    jpeg = encoded[0][1]
    tiff = b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHII", 0x112, 3, 1, 6) + b"\0\0\0\0"
    exif = b"\xff\xe1" + struct.pack(">H", len(tiff) + 8) + b"Exif\0\0" + tiff
    return (*encoded, (".jpg", jpeg[:2] + exif + jpeg[2:]))


def picture(dice: random.Random) -> None:
    """Read a picture of which bytes are wrong, its EXIF's too."""
    kind, content = dice.choice(_pictures())
    path = scratch() / f"picture{kind}"
    path.write_bytes(mutated(content, dice))
    try:
        image = read_image(path)
    except CameraError:
        return
    _check_picture(image)


def _check_picture(image: np.ndarray) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise ValueError(f"taken for a picture: {image.dtype} {image.shape}")


@dataclass(slots=True)
class _Capture:
    """Stands for cv2.VideoCapture, with anything in its answer."""

    answer: tuple[object, object]

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return True

    def get(self, _property: int) -> float:
        return 0.0

    def read(self) -> tuple[object, object]:
        return self.answer

    def release(self) -> None:
        """Hold nothing."""


def camera(dice: random.Random) -> None:
    """Be handed anything by a camera's driver; what is taken for a picture must be one."""
    shape = tuple(dice.choice((0, 1, 2, 3, 4, 17)) for _ in range(dice.randrange(5)))
    kind = dice.choice((np.uint8, np.uint8, np.int16, np.uint16, np.float32, np.float64, bool))
    image = None if dice.random() < 0.1 else np.ones(shape, kind)
    try:
        taken = OpenCvCamera("x", _Capture((dice.random() < 0.9, image))).read()  # type: ignore[arg-type]
    except CameraError:
        return
    if taken is not None:
        _check_picture(taken.image)


def frame(dice: random.Random) -> None:
    """Make frames, faces and verdicts of any shape: refused, or consistent."""
    shape = tuple(dice.choice((0, 1, 3, 4, 9)) for _ in range(dice.randrange(5)))
    array = np.zeros(shape, np.uint8)
    for make in (
        lambda: Frame(array, 0, at=0.0, read_at=0.0).size_px,
        lambda: Faces(array, np.zeros(dice.randrange(4), np.float32)),  # type: ignore[arg-type]
        lambda: Verdicts(array, (Mask.UNSURE,) * dice.randrange(4)),  # type: ignore[arg-type]
    ):
        try:
            make()
        except ValueError:
            continue


@cache
def _mask_model() -> tuple[bytes, bytes]:
    folder = paths.models() / "mask"
    return (folder / "model.toml").read_bytes(), (folder / "model.tflite").read_bytes()


def model_toml(dice: random.Random) -> None:
    """Read a model.toml of which bytes are wrong."""
    (scratch() / "model.toml").write_bytes(mutated(_mask_model()[0], dice))
    try:
        read_spec(scratch())
    except ModelError:
        return


def model_hash(dice: random.Random) -> None:
    """Load a model of which bytes are wrong: refused by its hash before the runtime sees it."""
    toml, content = _mask_model()
    wrong = mutated(content, dice)
    _write_model(toml, wrong if wrong != content else wrong[:-1])
    try:
        Model(scratch())
    except ModelError as error:
        if "sha256" in str(error):
            return
        raise
    raise ValueError("a damaged model was loaded")


def model_runtime(dice: random.Random) -> None:
    """Load a wrong model whose hash was made right, in a child: refused, or it runs."""
    toml, content = _mask_model()
    wrong = mutated(content, dice)
    right = hashlib.sha256(wrong).hexdigest().encode()
    _write_model(toml.replace(hashlib.sha256(content).hexdigest().encode(), right), wrong)
    status = _in_child(lambda: _load_and_run(scratch()))
    if os.WIFSIGNALED(status):
        raise RuntimeDiedError(signal.Signals(os.WTERMSIG(status)).name)
    if os.WEXITSTATUS(status):
        raise ValueError("neither refused with ModelError nor run")


def _write_model(toml: bytes, content: bytes) -> None:
    (scratch() / "model.toml").write_bytes(toml)
    (scratch() / "model.tflite").write_bytes(content)


def _load_and_run(folder: Path) -> None:
    try:
        model = Model(folder)
    except ModelError:
        return
    model.run(np.zeros((model.size_px[1], model.size_px[0], 3), np.uint8))


def _in_child(deed: Callable[[], None]) -> int:
    """Fork, do it there, and return the child's wait status."""
    child = os.fork()
    if child == 0:
        try:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(_LOAD_S)
            deed()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitpid(child, 0)[1]


CASES: dict[str, tuple[Callable[[random.Random], None], float]] = {
    "settings by option": (settings_option, 3),
    "settings by file": (settings_file, 2),
    "source spec": (source_spec, 8),
    "inbound alert": (inbound, 30),
    "track, vote, episodes": (walk, 10),
    "maps, boxes, crops": (geometry, 12),
    "picture file": (picture, 12),
    "camera's answer": (camera, 12),
    "frame shapes": (frame, 8),
    "model.toml": (model_toml, 2.5),
    "model, wrong hash": (model_hash, 0.4),
    "model, hash made right": (model_runtime, 0.1),
}
"""Each case with its share in percent: dear ones are rarer."""
