"""The newest scene in sealed shared memory: one writer that never waits, readers that cannot change anything."""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import threading
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from edge.data import Image

_MAGIC = b"mwscene\2"
"""Identifies the layout; it changes with the layout."""
_HEAD = struct.Struct("<8sQQ")
"""At the start: `_MAGIC`, the number of the last scene whose writing has begun, the number of the last complete one.

Scene N is in half N % 2. The writer raises the first number before it writes and the second one after. A reader's copy
of scene N is complete if the writing of N + 2, which uses the same half, had not begun after the copy.
"""
_SIZES = struct.Struct("<III")
"""At the start of a half: width and height of the image in px, and the number of bytes of text that follow."""
TEXT_BYTES = 65_536
"""Longest text of a scene, in bytes."""
_PAGE = 4_096
_TRIES = 4
_F_SEAL_FUTURE_WRITE = 0x10
"""Source: fcntl(2), Linux 5.1; Python's `fcntl` does not define it."""
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | _F_SEAL_FUTURE_WRITE | fcntl.F_SEAL_SEAL
_FENCE = threading.Lock()


class SceneWriter:
    """Owns the memory; apart from the mapping here, nobody can ever write to it."""

    def __init__(self, side_px: int) -> None:
        """Allocate memory for images of up to `side_px` by `side_px` px."""
        self._half_bytes = _SIZES.size + TEXT_BYTES + 3 * side_px * side_px
        writable = os.memfd_create("maskwatch scene", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.fchmod(writable, 0o400)
            os.ftruncate(writable, _PAGE + 2 * self._half_bytes)
            self._memory = mmap.mmap(writable, 0)
            fcntl.fcntl(writable, fcntl.F_ADD_SEALS, _SEALS)
            self.fd = os.open(f"/proc/self/fd/{writable}", os.O_RDONLY | os.O_CLOEXEC)
        finally:
            os.close(writable)
        self.written = 0
        _HEAD.pack_into(self._memory, 0, _MAGIC, 0, 0)

    def write(self, image: Image | None, text: bytes) -> None:
        """Write a scene: an image, uint8 (H, W, 3), or None, and a text of at most `TEXT_BYTES`."""
        start = _PAGE + ((self.written + 1) % 2) * self._half_bytes
        height, width = (0, 0) if image is None else image.shape[:2]
        _HEAD.pack_into(self._memory, 0, _MAGIC, self.written + 1, self.written)
        _fence()
        _SIZES.pack_into(self._memory, start, width, height, len(text))
        at = start + _SIZES.size
        self._memory[at : at + len(text)] = text
        if image is not None:
            target = np.frombuffer(self._memory, np.uint8, image.size, at + TEXT_BYTES)
            target[:] = image.reshape(-1)
        _fence()
        self.written += 1
        _HEAD.pack_into(self._memory, 0, _MAGIC, self.written, self.written)

    def close(self) -> None:
        """Release the memory; readers keep their mappings."""
        self._memory.close()
        os.close(self.fd)


class SceneMapping:
    """Maps the memory of a running maskwatch, and does not trust its content."""

    def __init__(self, fd: int) -> None:
        """Map the memory of a file descriptor.

        Raises:
            ValueError: it could shrink while mapped, which would kill this process, or it has another layout.
        """
        try:
            if not fcntl.fcntl(fd, fcntl.F_GET_SEALS) & fcntl.F_SEAL_SHRINK:
                raise ValueError("the memory is not sealed")
            self._memory = mmap.mmap(fd, 0, prot=mmap.PROT_READ)
        except OSError as error:
            raise ValueError(f"the memory cannot be mapped: {error.strerror}") from error
        self._half_bytes = (len(self._memory) - _PAGE) // 2
        if self._half_bytes < _SIZES.size + TEXT_BYTES or self._memory[: len(_MAGIC)] != _MAGIC:
            self._memory.close()
            raise ValueError("the memory has the layout of another version")

    def newest(self) -> tuple[Image | None, bytes] | None:
        """Return (image, text) of the newest scene, None before the first one or where the writer is too fast.

        Raises:
            ValueError: the sizes in the memory are impossible.
        """
        for _ in range(_TRIES):
            _, _, number = _HEAD.unpack_from(self._memory)
            if not number:
                return None
            _fence()
            scene = self._copy(number % 2)
            _fence()
            if _HEAD.unpack_from(self._memory)[1] < number + 2:
                return scene
        return None

    def _copy(self, half: int) -> tuple[Image | None, bytes]:
        """Return copies of the image and text of one half; they may be torn."""
        start = _PAGE + half * self._half_bytes
        width, height, text_bytes = _SIZES.unpack_from(self._memory, start)
        if text_bytes > TEXT_BYTES or _SIZES.size + TEXT_BYTES + 3 * width * height > self._half_bytes:
            raise ValueError(f"a scene of {width} x {height} px and {text_bytes} bytes does not fit")
        at = start + _SIZES.size
        text = self._memory[at : at + text_bytes]
        if not (width and height):
            return None, text
        pixels = np.frombuffer(self._memory, np.uint8, width * height * 3, at + TEXT_BYTES)
        return pixels.reshape(height, width, 3).copy(), text

    def close(self) -> None:
        """Unmap the memory."""
        self._memory.close()


def _fence() -> None:
    """Keep memory accesses in order for other cores: ARM does not move them past two lock calls."""
    for _ in range(2):
        with _FENCE:
            pass
