"""All settings, with the default, the unit and the reason of each; frozen once they are validated."""

from __future__ import annotations

from enum import StrEnum

from edge.settings.delivery import (
    DeviceSettings,
    HomeAssistantSettings,
    LogSettings,
    MqttSettings,
    NoticeSettings,
    PrivacySettings,
    ShowSettings,
    WebSettings,
)
from edge.settings.drift import DriftSettings
from edge.settings.fields import Section
from edge.settings.gate import GateSettings
from edge.settings.history import HistorySettings
from edge.settings.models import ModelsSettings
from edge.settings.monitoring import MetricsSettings
from edge.settings.perception import (
    AlertSettings,
    CameraSettings,
    ClassifierSettings,
    DetectorSettings,
    DistanceSettings,
    TfliteSettings,
    TrackSettings,
    VoteSettings,
)
from edge.settings.shadow import ShadowSettings

__all__ = [
    "AlertSettings",
    "CameraSettings",
    "ClassifierSettings",
    "DetectorSettings",
    "DeviceSettings",
    "DistanceSettings",
    "DriftSettings",
    "Environment",
    "GateSettings",
    "HistorySettings",
    "HomeAssistantSettings",
    "LogSettings",
    "MetricsSettings",
    "ModelsSettings",
    "MqttSettings",
    "NoticeSettings",
    "PrivacySettings",
    "Settings",
    "ShadowSettings",
    "ShowSettings",
    "TfliteSettings",
    "TrackSettings",
    "VoteSettings",
    "WebSettings",
]


class Environment(StrEnum):
    """Where maskwatch runs: which file of differences is applied to the defaults."""

    DEVELOPMENT = "development"
    STAGING = "staging"
    PRODUCTION = "production"


class Settings(Section):
    """All settings by section; `Settings()` has the defaults, as config/default.toml lists them."""

    device: DeviceSettings = DeviceSettings()
    camera: CameraSettings = CameraSettings()
    detector: DetectorSettings = DetectorSettings()
    classifier: ClassifierSettings = ClassifierSettings()
    tflite: TfliteSettings = TfliteSettings()
    track: TrackSettings = TrackSettings()
    vote: VoteSettings = VoteSettings()
    alert: AlertSettings = AlertSettings()
    notice: NoticeSettings = NoticeSettings()
    mqtt: MqttSettings = MqttSettings()
    homeassistant: HomeAssistantSettings = HomeAssistantSettings()
    show: ShowSettings = ShowSettings()
    privacy: PrivacySettings = PrivacySettings()
    log: LogSettings = LogSettings()
    distance: DistanceSettings = DistanceSettings()
    web: WebSettings = WebSettings()
    metrics: MetricsSettings = MetricsSettings()
    models: ModelsSettings = ModelsSettings()
    shadow: ShadowSettings = ShadowSettings()
    gate: GateSettings = GateSettings()
    drift: DriftSettings = DriftSettings()
    history: HistorySettings = HistorySettings()
