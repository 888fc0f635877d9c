"""The real Picamera2 class on libcamera's virtual camera: what a machine without a camera lacks is made up for.

Runs inside tests/platform/machine.py's Debian as a script: SCENARIO prints one line of JSON, or maskwatch ARGUMENTS.
libcamera, its virtual pipeline and Picamera2 are the real ones. Made up for are only: memory from a dma heap (memfd
instead), the list of a sensor's raw modes (a virtual camera has none), and pykms (a screen that nobody wants here).
"""

from __future__ import annotations

import faulthandler
import gc
import json
import mmap
import os
import resource
import runpy
import sys
import threading
import time


class Anything:
    """Stands for the screen library that Picamera2 imports and this test never calls."""

    def __getattr__(self, _name: str) -> Anything:
        return self


sys.modules["pykms"] = Anything()  # type: ignore[assignment]

import libcamera  # noqa: E402 - after what it lacks
from picamera2 import picamera2 as real  # noqa: E402
from picamera2.allocators import Allocator, DmaAllocator  # noqa: E402

from edge.capture import picamera  # noqa: E402
from edge.capture.live import LiveSource  # noqa: E402
from edge.data import Frame  # noqa: E402
from edge.errors import CameraError  # noqa: E402

MAIN_PX, SMALL_PX = (1280, 720), (320, 256)
STALLED = threading.Event()


class MemoryAllocator(DmaAllocator):
    """Gives Picamera2 ordinary memory where it asks a dma heap, one file a buffer, both NV12 planes in it."""

    def __init__(self) -> None:
        Allocator.__init__(self)
        self.dmaHeap = None
        self.mapped_buffers, self.mapped_buffers_used = {}, {}
        self.frame_buffers, self.open_fds, self.libcamera_fds = {}, [], []
        self.sync = MemorySync

    def allocate(self, libcamera_config, _use_case) -> None:
        self.libcamera_fds = []
        self.cleanup()
        for fd in self.open_fds:
            os.close(fd)
        self.open_fds, self.frame_buffers = [], {}
        for config in libcamera_config:
            self.frame_buffers[config.stream] = [self._buffer(config) for _ in range(config.buffer_count)]

    def _buffer(self, config) -> libcamera.FrameBuffer:
        luma_bytes = config.stride * config.size.height
        fd = os.memfd_create("frame")
        os.ftruncate(fd, config.frame_size)
        planes = []
        for offset, length in ((0, luma_bytes), (luma_bytes, config.frame_size - luma_bytes)):
            plane = libcamera.FrameBuffer.Plane()
            plane.fd, plane.offset, plane.length = fd, offset, length
            planes.append(plane)
        buffer = libcamera.FrameBuffer(planes)
        self.open_fds.append(fd)
        self.libcamera_fds.append(planes[0].fd)
        self.mapped_buffers_used[planes[0].fd] = False
        self.mapped_buffers[buffer] = mmap.mmap(fd, config.frame_size)
        return buffer


class MemorySync:
    """Hands out a mapped buffer; ordinary memory needs no syncing."""

    def __init__(self, allocator, buffer, _write) -> None:
        self._buffer = allocator.mapped_buffers[buffer]

    def __enter__(self) -> mmap.mmap:
        return self._buffer

    def __exit__(self, *_) -> None:
        pass

    get_buffer = __enter__


def paced(handle_request):
    """Slow the virtual camera, which fills buffers as fast as they come, to 25 per second; stall it on request."""

    def handle(self, flushid=None) -> None:
        time.sleep(1 / 25)
        if not STALLED.is_set():
            handle_request(self, flushid)

    return handle


real.DmaAllocator = MemoryAllocator
real.CameraManager.handle_request = paced(real.CameraManager.handle_request)
real.Picamera2._get_raw_modes = lambda _self: [{"format": "NV12", "size": MAIN_PX}]


def opened(**changed) -> picamera.PiCamera:
    wanted = {"width_px": MAIN_PX[0], "height_px": MAIN_PX[1], "fps_hz": 15.0, "small_px": SMALL_PX} | changed
    return picamera.PiCamera(**wanted)


def inspect() -> dict:
    """Return shape and colours of one picture, left, right and of the strip above, main and small."""
    camera = opened()
    for _ in range(3):
        picture = camera.read()
    camera.close()
    small = picture.small
    return {"main": seen(picture.image), "small": None if small is None else seen(small)}


def seen(image) -> dict:
    height, width = image.shape[:2]
    parts = {"left": image[height // 2 :, : width // 3], "right": image[height // 2 :, -width // 3 :]}
    parts["above"] = image[: height // 12, width // 2 :]
    colours = {name: part.reshape(-1, 3).mean(0).round().tolist() for name, part in parts.items()}
    return {"shape": image.shape, **colours}


def number(image) -> int:
    """Return which of the drawn pictures this is, by the grey of its patch; JPEG's full range is read as video's."""
    grey = float(image[80:120, 20:60].mean()) * 219 / 255 + 16
    return round((grey - 40) / 20)


def open_files() -> int:
    def is_open(fd: int) -> bool:
        try:
            os.fstat(fd)
        except OSError:
            return False
        return True

    return sum(map(is_open, range(1024)))


def endure(frames: int = 100) -> dict:
    """Read many pictures; return what would grow if a buffer, a request or a file were not given back."""
    camera = opened()
    first = camera.read().image
    kept, files = first.copy(), open_files()
    rss_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    numbers = [number(camera.read().image) for _ in range(frames)]
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - rss_kib
    changed, more_files = bool((first != kept).any()), open_files() - files
    camera.close()
    return {"numbers": numbers, "first_changed": changed, "more_files": more_files, "grown_kib": grown_kib}


def reopen(times: int = 6) -> dict:
    """Open and close again and again; return the files open after each time and the shapes seen."""
    files, shapes = [], []
    for _ in range(times):
        camera = opened()
        shapes.append(camera.read().image.shape)
        camera.close()
        camera.close()
        gc.collect()  # Picamera2 leaves its selectors to it
        files.append(open_files())
    return {"files": files, "shapes": shapes, "threads": threading.active_count()}


def busy() -> dict:
    """Open the camera while it is in use, and once more when it is free."""
    first = opened()
    refused = sentence(opened)
    first.close()
    return {"refused": refused, "after": sentence(lambda: opened().close())}


def sentence(call) -> str:
    try:
        call()
    except CameraError as error:
        return str(error)
    return "no error"


def absent() -> dict:
    """Return the error if libcamera knows no camera."""
    return {"available": picamera.available(), "said": sentence(opened)}


def stall() -> dict:
    """Stall the camera; return how long a read waits for it, and whether it works when opened again."""
    camera = opened(read_timeout_s=1.0)
    camera.read()
    STALLED.set()
    started_at = time.monotonic()
    while (said := sentence(camera.read)) == "no error":
        pass
    waited_s = time.monotonic() - started_at
    camera.close()
    STALLED.clear()
    camera = opened()
    shape = camera.read().image.shape
    camera.close()
    return {"said": said, "waited_s": waited_s, "closed_and_back": shape}


def live() -> dict:
    """Walk slowly behind a live source, let the camera fall silent under it and come back, and close it."""
    stop = threading.Event()
    source = LiveSource(
        "picamera",
        lambda: opened(read_timeout_s=1.0),
        stop=stop,
        patience_s=0.5,
        frozen_s=10,
        stuck_s=30,
        retry_max_s=1,
    )
    frames, ages_s, states = iter(source), [], []
    while len(ages_s) < 10:
        if isinstance(frame := next(frames), Frame):
            ages_s.append(time.monotonic() - frame.read_at)
            time.sleep(0.15)
    dropped = source.dropped
    STALLED.set()
    stalled_at = time.monotonic()
    while source.state == "ok":
        next(frames)
    noticed_s = time.monotonic() - stalled_at
    states.append(source.state)
    while source.state.startswith("silent"):
        next(frames)
    states.append(source.state)
    STALLED.clear()
    back_at = time.monotonic()
    while source.state != "ok":
        next(frames)
    back_s = time.monotonic() - back_at
    source.close()
    return {
        "oldest_s": max(ages_s[1:]),
        "dropped": dropped,
        "noticed_s": noticed_s,
        "back_s": back_s,
        "states": states,
        "reopened": source.reopened,
        "free_again": sentence(lambda: opened().close()),
    }


SCENARIOS = {step.__name__: step for step in (inspect, endure, reopen, busy, absent, stall, live)}

if __name__ == "__main__":
    faulthandler.dump_traceback_later(90, exit=True)
    if sys.argv[1] == "maskwatch":
        del sys.argv[0]
        runpy.run_module("edge", run_name="__main__")
    print(json.dumps(SCENARIOS[sys.argv[1]]()))
