"""The error tree: every failure that a user can mend, with the exit code it ends in."""

from __future__ import annotations

from typing import ClassVar


class EdgeError(Exception):
    """Root of all errors whose sentence is written for the user."""

    exit_code: ClassVar[int] = 1


class ConfigError(EdgeError, ValueError):
    """A setting is wrong; the sentence names the file and the dotted key."""

    exit_code = 78  # EX_CONFIG of sysexits.h: systemd does not restart on it


class ModelError(EdgeError, ValueError):
    """A model file is not the one that its model.toml describes."""

    exit_code = 65  # EX_DATAERR


class InputError(EdgeError, FileNotFoundError):
    """An input named on the command line does not exist or holds nothing to look at."""

    exit_code = 66  # EX_NOINPUT


class OutputError(EdgeError, OSError):
    """A file or folder named for what a command writes cannot be written, or holds an input."""

    exit_code = 78  # as a wrong setting: the call names it


class CameraError(EdgeError, OSError):
    """A camera or stream cannot be opened or gave something that is no picture."""

    exit_code = 66


class CameraLost(CameraError):
    """A camera that worked has been silent for longer than its patience."""


class ThreadStuck(EdgeError, RuntimeError):
    """A thread did not return in time: only a restart of the process mends it."""

    exit_code = 70  # EX_SOFTWARE: systemd restarts
