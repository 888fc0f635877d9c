"""`maskwatch` and `python -m edge`: the command, quiet also when it is interrupted before it has begun."""

import atexit
import io
import os
import sys
import threading
from contextlib import suppress

_FOR_LIBRARIES = {
    "OPENCV_LOG_LEVEL": "SILENT",
    "OPENCV_FFMPEG_LOGLEVEL": "-8",
    "OPENCV_IO_MAX_IMAGE_PIXELS": "67108864",
    "OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT": "5",
    "LIBCAMERA_LOG_LEVELS": "*:WARN",
}
"""Read when OpenCV and libcamera are imported: our sentences speak for theirs, a dead USB camera answers in 5 s, and an
image is no larger than `MAX_PIXELS` of edge/capture/files.py."""


def main() -> None:
    """Run the command and end with its exit code."""
    os.environ.update({key: os.environ.get(key, value) for key, value in _FOR_LIBRARIES.items()})
    for stream in (sys.stdout, sys.stderr):
        _print_any_character(stream)
    codes: list[object] = []
    atexit.register(_end_with_threads_left, codes)
    try:
        from edge.cli import run_command  # noqa: PLC0415 - Ctrl-C may come while this is imported

        sys.exit(run_command())
    except KeyboardInterrupt:
        codes.append(130)
        sys.exit(130)
    except SystemExit as ended:
        codes.append(ended.code)
        raise


def _print_any_character(stream: object) -> None:
    """Let a terminal of Latin-1 or ASCII show an escape for what it lacks: the "…" of a help page ended the command.

    In UTF-8 only a byte of a file name can be lacking; it is printed as it is.
    """
    if isinstance(stream, io.TextIOWrapper):
        is_utf_8 = stream.encoding.lower() == "utf-8"
        stream.reconfigure(errors="surrogateescape" if is_utf_8 else "backslashreplace")


def _end_with_threads_left(codes: list[object]) -> None:
    """End at once where a thread was left in a read that does not return; registered first, so this comes last.

    If that read returned while Python takes itself apart, the thread would be ended within C++ code, which aborts.
    Source: Python's documentation, PyEval_RestoreThread, on calls from daemon threads before 3.14.
    """
    if codes and threading.active_count() > 1:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(codes[0] if isinstance(codes[0], int) else 0)


if __name__ == "__main__":
    main()
