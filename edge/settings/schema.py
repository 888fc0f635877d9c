"""What can be set, with types and bounds; frozen once validated. Values come from edge/settings/load.py."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from edge.settings.fields import (
    HoursText,
    Language,
    Pin,
    Polygon,
    Prefix,
    Proxy,
    Source,
    TopicPart,
    UrlPath,
    User,
    VolumeHours,
    Words,
    worded_in,
)

Seconds = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Pixels = Annotated[int, Field(ge=16, le=16_384)]


class Environment(StrEnum):
    """Where maskwatch runs: which file of differences is read over the defaults."""

    DEVELOPMENT = "development"
    STAGING = "staging"
    PRODUCTION = "production"


class _Section(BaseModel):
    """Values come from config/default.toml alone, so no field has a default here."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, str_strip_whitespace=True)


class DeviceSettings(_Section):
    """Who speaks."""

    name: TopicPart
    site: str = Field(max_length=200)


class CameraSettings(_Section):
    """Where pictures come from."""

    name: Annotated[TopicPart, Field(min_length=1)]
    source: Source
    user: User
    password_file: str
    rotate: Literal[0, 90, 180, 270]
    flip: bool
    width_px: Pixels
    height_px: Pixels
    fps_hz: float = Field(gt=0, le=120)
    open_timeout_s: Seconds
    read_timeout_s: Seconds
    patience_s: Seconds
    frozen_s: Seconds
    lens_s: Seconds
    moved_s: Seconds
    stuck_s: Seconds
    retry_max_s: Seconds
    pace: bool


class DetectorSettings(_Section):
    """Which faces are found."""

    profile: Literal["auto", "live", "quality"]
    model: str
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

    enabled: bool
    banner: bool
    sign: Literal["on", "off"]
    lamp_pin: Pin
    buzzer_pin: Pin
    voice: str
    phrase: Words
    thanks: Words
    sign_text: Words
    sign_night: HoursText
    languages: Annotated[list[Language], Field(min_length=1, max_length=6)]
    volume: Share
    volume_hours: list[VolumeHours]
    quiet: HoursText
    hold_s: Seconds
    repeat_s: Seconds
    remind_s: Seconds
    reminders: int = Field(ge=0, le=100)
    near_m: float = Field(ge=0, le=100)

    @field_validator("languages")
    @classmethod
    def _worded(cls, languages: list[str], before: ValidationInfo) -> list[str]:
        """Refuse a language that has neither built-in words nor the owner's."""
        worded_in(languages, before.data)
        return languages


class MqttSettings(_Section):
    """Where alerts are published."""

    host: str
    port: int = Field(ge=0, le=65_535)
    transport: Literal["tcp", "websockets"]
    path: UrlPath
    user: str
    password_file: str
    tls: Literal["auto", "on", "off"]
    ca_file: str
    cert_file: str
    key_file: str
    keepalive_s: int = Field(ge=5, le=3_600)
    outbox: str
    queue: int = Field(ge=10, le=1_000_000)
    retry_min_s: Seconds
    retry_max_s: Seconds
    stats_s: float = Field(ge=0.1, le=86_400)
    commands: Literal["auto", "on", "off"]
    snapshot: bool


class HomeAssistantSettings(_Section):
    """Whether Home Assistant is told of the device."""

    discovery: bool
    prefix: Prefix


class ShowSettings(_Section):
    """Who may look."""

    window: Literal["auto", "on", "off"]
    timings: bool
    terminal: Literal["auto", "on", "off"]
    socket: str
    max_width_px: Pixels


class PrivacySettings(_Section):
    """What of the passers-by is seen, kept and told."""

    pixelate: Literal["all", "changes", "faces"]
    cells: int = Field(ge=4, le=64)
    no_look: list[Polygon] = Field(max_length=50)
    aggregate: bool
    aggregate_s: float = Field(ge=60, le=86_400)
    aggregate_min: int = Field(ge=1, le=1_000)
    operator: str = Field(max_length=200)
    contact: str = Field(max_length=200)


class LogSettings(_Section):
    """How much is said."""

    level: Literal["debug", "info", "warning", "error"]


class DistanceSettings(_Section):
    """How metres are measured, and who is near."""

    fov_deg: float = Field(ge=10, le=160)
    focal_widths: float = Field(ge=0, le=20)
    focal_error: Share
    face_height_m: float = Field(ge=0.1, le=0.3)
    near_m: float = Field(ge=0, le=100)


class WebSettings(_Section):
    """Who may look by browser."""

    serve: bool
    host: str = Field(min_length=1)
    port: int = Field(ge=1, le=65_535)
    hosts: Annotated[tuple[str, ...], Field(strict=False)]
    tls_cert: str
    tls_key: str
    token_file: str
    trusted_proxies: Annotated[tuple[Proxy, ...], Field(strict=False)]
    session_s: float = Field(ge=60, le=2_592_000)
    wrong_tries: int = Field(ge=1, le=1_000)
    viewers: int = Field(ge=1, le=200)
    every_s: float = Field(ge=0.05, le=60)
    width_px: Pixels
    send_s: float = Field(ge=1, le=600)


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
    homeassistant: HomeAssistantSettings
    show: ShowSettings
    privacy: PrivacySettings
    log: LogSettings
    distance: DistanceSettings
    web: WebSettings
