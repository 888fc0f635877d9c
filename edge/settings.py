"""Settings: read from TOML in layers, validated once, frozen from then on."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge import assets
from edge.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SYSTEM_FILE = Path("/etc/maskwatch/config.toml")

Seconds = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Pixels = Annotated[int, Field(ge=16, le=16_384)]
TopicPart = Annotated[str, Field(pattern=r"^[^/+#\x00\s]{0,64}$")]


class Environment(StrEnum):
    """Where maskwatch runs: which file of differences is read over the defaults."""

    DEVELOPMENT = "development"
    STAGING = "staging"
    PRODUCTION = "production"


class _Section(BaseModel):
    """Values come from config/default.toml alone, so no field has a default here."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class DeviceSettings(_Section):
    """Who speaks."""

    name: TopicPart
    site: str = Field(max_length=200)


class CameraSettings(_Section):
    """Where pictures come from."""

    name: Annotated[TopicPart, Field(min_length=1)]
    source: str = Field(min_length=1)
    width_px: Pixels
    height_px: Pixels
    fps_hz: float = Field(gt=0, le=120)
    open_timeout_s: Seconds
    read_timeout_s: Seconds
    patience_s: Seconds
    stuck_s: Seconds
    retry_max_s: Seconds
    pace: bool


class DetectorSettings(_Section):
    """Which faces are found."""

    profile: Literal["auto", "live", "quality"]
    min_score: Share
    threads: int = Field(ge=1, le=8)


class ClassifierSettings(_Section):
    """How faces are judged."""

    model: str
    every_s: Seconds
    max_per_frame: int = Field(ge=1, le=1_000)


class TrackSettings(_Section):
    """How faces become persons."""

    min_iou: Share
    max_lost_s: Seconds


class VoteSettings(_Section):
    """How verdicts become a steady label."""

    half_life_s: Seconds
    min_votes: int = Field(ge=1, le=1_000)
    min_confidence: Share


class AlertSettings(_Section):
    """When an episode opens and closes."""

    dwell_s: Seconds
    clear_s: Seconds
    gone_s: Seconds
    update_s: Seconds
    incorrect: bool
    expires_s: Seconds


class NoticeSettings(_Section):
    """How the people nearby are told."""

    banner: bool
    phrase: str = Field(max_length=200)
    hold_s: Seconds
    repeat_s: Seconds


class MqttSettings(_Section):
    """Where alerts are published."""

    host: str
    port: int = Field(ge=1, le=65_535)
    user: str
    password_file: str
    ca_file: str
    keepalive_s: int = Field(ge=5, le=3_600)
    queue: int = Field(ge=10, le=1_000_000)
    retry_min_s: Seconds
    retry_max_s: Seconds
    stats_s: float = Field(ge=0.1, le=86_400)


class ShowSettings(_Section):
    """Who may look."""

    window: Literal["auto", "on", "off"]
    terminal: Literal["auto", "on", "off"]
    socket: str
    max_width_px: Pixels


class LogSettings(_Section):
    """How much is said."""

    level: Literal["debug", "info", "warning", "error"]


class Settings(_Section):
    """All settings."""

    device: DeviceSettings
    camera: CameraSettings
    detector: DetectorSettings
    classifier: ClassifierSettings
    track: TrackSettings
    vote: VoteSettings
    alert: AlertSettings
    notice: NoticeSettings
    mqtt: MqttSettings
    show: ShowSettings
    log: LogSettings


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and for each dotted key the name of the layer that it came from."""

    settings: Settings
    origins: dict[str, str]


def load(
    environment: Environment = Environment.DEVELOPMENT,
    file: Path | None = None,
    overrides: Sequence[str] = (),
    *,
    system_file: Path = SYSTEM_FILE,
) -> Loaded:
    """Return the settings of default < environment < system file < `file` < `overrides` (key=value).

    Raises:
        ConfigError: a file is missing or no TOML, a key is unknown, or a value has the wrong type or range.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for origin, layer in _layers(environment, file, overrides, system_file):
        known = list(origins)
        for key, value in _flatten(layer):
            if known and key not in known:
                raise ConfigError(f"{origin}: {_unknown(key, known)}")
            values[key] = value
            if origin != origins.get(key):
                origins[key] = origin
    try:
        return Loaded(Settings.model_validate(_nest(values)), origins)
    except ValidationError as error:
        raise ConfigError(_explain(error, origins)) from None


def _layers(
    environment: Environment, file: Path | None, overrides: Sequence[str], system_file: Path
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (origin, nested values), weakest first."""
    default, difference = assets.config() / "default.toml", assets.config() / f"{environment}.toml"
    yield default.name, _read(default)
    yield difference.name, _read(difference)
    if system_file.exists():
        yield str(system_file), _read(system_file)
    if file is not None:
        yield str(file), _read(file)
    for override in overrides:
        yield "--set", _parse_override(override)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{path}: is not TOML: {error}") from error


def _parse_override(text: str) -> dict[str, Any]:
    """Return {"a": {"b": value}} for "a.b=value"; the value is TOML where it can be, else a string."""
    key, equals, value = text.partition("=")
    if not equals or "." not in key:
        raise ConfigError(f"--set {text}: write section.key=value, for example mqtt.port=1883")
    try:
        parsed: Any = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value
    return _nest({key.strip(): parsed})


def _flatten(values: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield (dotted key, value) of one level of sections."""
    for section, content in values.items():
        if isinstance(content, dict):
            yield from ((f"{section}.{key}", value) for key, value in content.items())
        else:
            yield section, content


def _nest(values: dict[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, value in values.items():
        section, _, name = key.partition(".")
        nested.setdefault(section, {})[name] = value
    return nested


def _unknown(key: str, known: list[str]) -> str:
    """Return "mqtt.prot: unknown setting (did you mean 'port'?)"."""
    section = key.partition(".")[0]
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    same_section = bool(near) and near[0].startswith(f"{section}.")
    hint = f" (did you mean '{near[0].partition('.')[2] if same_section else near[0]}'?)" if near else ""
    return f"{key}: unknown setting{hint}; `maskwatch check` lists them all"


def _explain(error: ValidationError, origins: dict[str, str]) -> str:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"][:2])
    return f"{origins.get(key, 'settings')}: {key}: {first['msg']}, not {first.get('input')!r}"
