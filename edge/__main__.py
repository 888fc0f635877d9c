"""Start the command for `maskwatch` and `python -m edge`; Ctrl-C prints no traceback, even during the imports."""

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
"""Read when OpenCV and libcamera are imported: they log nothing, since maskwatch reports their errors; an unresponsive
USB camera fails after 5 s; and an image has at most the pixels of `MAX_PIXELS` in edge/capture/files.py."""


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
    """Print an escape for each character that the terminal's encoding lacks, such as "…" in Latin-1 or ASCII.

    Without this, the help ended with an error. In UTF-8 only a byte of a file name can be affected: it is printed as
    it is.
    """
    if isinstance(stream, io.TextIOWrapper):
        is_utf_8 = stream.encoding.lower() == "utf-8"
        stream.reconfigure(errors="surrogateescape" if is_utf_8 else "backslashreplace")


def _end_with_threads_left(codes: list[object]) -> None:
    """End the process at once if a thread is blocked in a read; registered first, so that it runs last.

    If that read returned while Python shuts down, the thread would be ended within C++ code, which aborts.
    Source: Python's documentation, PyEval_RestoreThread, on calls from daemon threads before 3.14.
    """
    if codes and threading.active_count() > 1:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(codes[0] if isinstance(codes[0], int) else 0)


if __name__ == "__main__":
    main()
