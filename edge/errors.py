"""The errors that a user can fix: each has a sentence for the user and the exit code of the command.

An error is chosen by its meaning. Each is also the builtin error that it resembles.
"""

from __future__ import annotations

from typing import ClassVar


class EdgeError(Exception):
    """Root of all errors whose sentence is written for the user."""

    exit_code: ClassVar[int] = 1


class ConfigError(EdgeError, ValueError):
    """A setting is wrong, or names something that cannot be used; the sentence names the file and the dotted key."""

    exit_code = 78  # EX_CONFIG of sysexits.h: systemd does not restart on it


class ModelError(EdgeError, ValueError):
    """A model file is not what its model.toml specifies, or cannot be loaded."""

    exit_code = 65  # EX_DATAERR


class InputError(EdgeError, FileNotFoundError):
    """An input does not exist, cannot be read, or holds nothing that the command can use."""

    exit_code = 66  # EX_NOINPUT


class OutputError(EdgeError, OSError):
    """A file, folder or socket cannot be created or written, or an output would overwrite an input."""

    exit_code = 78  # as a wrong setting: the command line or a setting names the place


class NotRunning(EdgeError, ProcessLookupError):
    """No maskwatch is running where a command expects one."""

    exit_code = 66


class Unavailable(EdgeError, OSError):
    """A command needs something that is absent, in use or not permitted now, such as a display or a terminal."""

    exit_code = 66


class CameraError(EdgeError, OSError):
    """A camera, stream or file cannot be opened, or delivers something that is not an image."""

    exit_code = 66


class CameraLost(CameraError):
    """A camera that worked has delivered no frame for longer than its patience."""


class ThreadStuck(EdgeError, RuntimeError):
    """A thread did not return in time; only a restart of the process helps."""

    exit_code = 70  # EX_SOFTWARE: systemd restarts
