"""Load the detectors, classifiers and sinks that other installed packages add by entry points."""

from __future__ import annotations

import logging
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

from edge.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edge.data import Scene
    from edge.settings.schema import Settings

DETECTORS = "maskwatch.detectors"
CLASSIFIERS = "maskwatch.classifiers"
SINKS = "maskwatch.sinks"

_METHODS = {DETECTORS: "detect", CLASSIFIERS: "classify", SINKS: "put"}
"""The method that an object of each group must have."""

log = logging.getLogger(__name__)


def names(group: str) -> list[str]:
    """Return the names of the entry points of a group."""
    return sorted(entry_points(group=group).names)


def factory(group: str, name: str) -> Callable[..., Any] | None:
    """Return what makes an object for the entry point `name` of a group; None if no package has that entry point.

    Raises:
        ConfigError: two packages have it, or it cannot be loaded; also raised by the factory when it fails.
    """
    found = sorted(entry_points(group=group, name=name), key=_package)
    if len(found) > 1:
        packages = " and ".join(map(_package, found))
        raise ConfigError(f"packages {packages} both have the entry point {group}:{name}; fix: uninstall one of them")
    return partial(_made, found[0]) if found else None


def check_sinks() -> None:
    """Load the sinks of all installed packages, and make none.

    Raises:
        ConfigError: one cannot be loaded.
    """
    for point in entry_points(group=SINKS):
        _call(point, point.load)


class PluginSink:
    """A sink of another package; one that raises is dropped, and the service goes on without it.

    problem: why it was dropped; empty while it works.
    """

    def __init__(self, point: EntryPoint, sink: Any) -> None:  # noqa: ANN401 - checked to have `put`, `close` is optional
        """Take the sink that an entry point has made."""
        self._point = point
        self._sink = sink
        self.problem = ""

    def put(self, scene: Scene) -> None:
        """Pass a scene on, unless the sink has raised before."""
        if self.problem:
            return
        try:
            _call(self._point, self._sink.put, scene)
        except ConfigError as error:
            self.problem = f"dropped: {error}"
            log.exception("sink dropped")

    def close(self) -> None:
        """Close the sink if it can be closed."""
        try:
            _call(self._point, getattr(self._sink, "close", lambda: None))
        except ConfigError:
            log.exception("sink not closed")


def open_sinks(settings: Settings) -> tuple[PluginSink, ...]:
    """Return the sinks of all installed packages; a factory that returns None has no sink for these settings.

    Raises:
        ConfigError: an entry point cannot be loaded, or its factory raises or returns no sink.
    """
    opened: list[PluginSink] = []
    try:
        for point in sorted(entry_points(group=SINKS), key=_package):
            sink = _made(point, settings)
            opened += [] if sink is None else [PluginSink(point, sink)]
    except ConfigError:
        close_sinks(opened)
        raise
    return tuple(opened)


def close_sinks(sinks: Sequence[PluginSink]) -> None:
    """Close each sink."""
    for sink in sinks:
        sink.close()


def _made(point: EntryPoint, *arguments: object, **options: object) -> Any:  # noqa: ANN401 - a part of any of the groups
    """Return what the factory of an entry point makes."""
    made = _call(point, _call(point, point.load), *arguments, **options)
    method = _METHODS[point.group]
    if callable(getattr(made, method, None)) or (made is None and point.group == SINKS):
        return made
    raise ConfigError(f"{_name(point)}: returned {type(made).__name__}, which has no method {method}")


def _call(point: EntryPoint, function: Callable[..., Any], *arguments: object, **options: object) -> Any:  # noqa: ANN401
    """Call code of another package.

    Raises:
        ConfigError: it raised; the sentence names the package and the entry point.
    """
    try:
        return function(*arguments, **options)
    except Exception as error:  # code of another package may raise anything, and must not end the service
        raise ConfigError(f"{_name(point)}: {type(error).__name__}: {error}") from error


def _name(point: EntryPoint) -> str:
    return f"package {_package(point)}: entry point {point.group}:{point.name} = {point.value}"


def _package(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "(unknown)"
