"""`maskwatch` and `python -m edge`: the command, quiet also when it is interrupted before it has begun."""

import os
import sys

_FOR_LIBRARIES = {
    "OPENCV_LOG_LEVEL": "SILENT",
    "OPENCV_FFMPEG_LOGLEVEL": "-8",
    "OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT": "5",
    "LIBCAMERA_LOG_LEVELS": "*:WARN",
}
"""Read when OpenCV and libcamera are imported: our sentences speak for theirs, and a dead USB camera answers in 5 s."""


def main() -> None:
    """Run the command and end with its exit code."""
    os.environ.update({key: os.environ.get(key, value) for key, value in _FOR_LIBRARIES.items()})
    try:
        from edge.cli import run_command  # noqa: PLC0415 - Ctrl-C may come while this is imported

        sys.exit(run_command())
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
