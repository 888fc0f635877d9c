"""Errors are chosen by meaning; scripts depend on their exit codes and on the builtin errors that they resemble."""

from __future__ import annotations

import pytest

from edge import errors


@pytest.mark.parametrize(
    ("error", "builtin", "exit_code"),
    [
        (errors.ConfigError, ValueError, 78),
        (errors.ModelError, ValueError, 65),
        (errors.InputError, FileNotFoundError, 66),
        (errors.OutputError, OSError, 78),
        (errors.NotRunning, ProcessLookupError, 66),
        (errors.Unavailable, OSError, 66),
        (errors.CameraError, OSError, 66),
        (errors.CameraLost, errors.CameraError, 66),
        (errors.ThreadStuck, RuntimeError, 70),
    ],
)
def test_every_error_is_the_builtin_that_it_resembles_and_has_its_exit_code(error, builtin, exit_code):
    assert issubclass(error, builtin)
    assert issubclass(error, errors.EdgeError)
    assert error.exit_code == exit_code
    assert str(error("stop.toml: mqtt.port: wrong")) == "stop.toml: mqtt.port: wrong"


def test_the_table_above_is_complete():
    defined = {value for value in vars(errors).values() if isinstance(value, type)}
    assert len(defined) == 10
