"""Settings of what leaves the pipeline: notices, MQTT, viewers, the web page, the log, and the privacy of each."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from edge.settings.fields import (
    HoursText,
    Language,
    Pin,
    Pixels,
    Polygon,
    Prefix,
    Proxy,
    Root,
    Seconds,
    Section,
    Share,
    TopicPart,
    UrlPath,
    User,
    VolumeHours,
    Words,
    worded_in,
)


class DeviceSettings(Section):
    """The name and place of this device."""

    name: TopicPart = Field(
        default="", description="Name of the device in every MQTT topic. Empty: the host name of the machine."
    )
    site: str = Field(
        default="", max_length=200, description="Free text for the operator, such as the name of the stop."
    )


class NoticeSettings(Section):
    """How people at the stop are notified."""

    enabled: bool = Field(default=True, description="Notify people at the stop. Alerts are published in either case.")
    banner: bool = Field(
        default=True, description="Show the text on every screen, the sign included, and ring the terminal's bell."
    )
    sign: Literal["on", "off"] = Field(
        default="off",
        description="on: keep `maskwatch sign` running on the display of this machine. On another machine, start it "
        "there by hand.",
    )
    lamp_pin: Pin = Field(
        default="", description='GPIO pin of a lamp that is lit during a notice, such as "GPIO17". Empty: no lamp.'
    )
    buzzer_pin: Pin = Field(
        default="", description='GPIO pin of a buzzer that beeps twice, such as "GPIO27". Empty: no buzzer.'
    )
    voice: str = Field(
        default="off",
        description="off (most devices have no loudspeaker), espeak (espeak-ng speaks the text), or the path of a "
        "WAV file.",
    )
    phrase: Words = Field(
        default="",
        description="Text of the notice. Empty: a built-in request to everybody to keep their distance. Otherwise "
        'your text, or one for each language: {de = "…", fr = "…"}.',
    )
    thanks: Words = Field(
        default="",
        description="Text spoken and shown once when the last person puts a mask on. Empty: built in; otherwise as "
        "notice.phrase.",
    )
    sign_text: Words = Field(
        default="",
        description="Text on the sign while there is no notice. Empty: built in; otherwise as notice.phrase.",
    )
    sign_night: HoursText = Field(
        default="21:00-06:00",
        description="Hours in which the sign shows light text on a dark background, so that it dazzles nobody. "
        "Empty: never.",
    )
    languages: Annotated[list[Language], Field(min_length=1, max_length=6)] = Field(
        default=["en"],
        description="Languages of the notice, in this order. Built in: de, en, es, fr, it, nl, pl, pt, tr.",
    )
    volume: Share = Field(
        default=0.6, description="Volume of the voice from 0 to 1. 0 silences voice, buzzer and bell."
    )
    volume_hours: list[VolumeHours] = Field(
        default=[],
        description='Other volumes at certain hours, such as ["20:00-07:00 0.3"]. A buzzer is either loud or silent '
        "(0).",
    )
    quiet: HoursText = Field(
        default="",
        description='Hours without any sound, such as "22:00-06:00". Lamp, banner and sign stay on. Empty: none.',
    )
    hold_s: Seconds = Field(default=4.0, description="Shortest time that a notice is shown, so that it can be read.")
    repeat_s: Seconds = Field(
        default=20.0,
        description="Shortest time between two audible notices: people wait at the stop, and others live there.",
    )
    remind_s: Seconds = Field(
        default=60.0, description="Shortest time until a person who stays without a mask hears the notice again."
    )
    reminders: int = Field(
        default=3,
        ge=0,
        le=100,
        description="Number of reminders per person. A person who has ignored three will ignore a fourth.",
    )
    near_m: float = Field(
        default=0.0,
        ge=0,
        le=100,
        description="Notify only while somebody is nearer than this many metres to a person without a mask. 0: always.",
    )

    @field_validator("languages")
    @classmethod
    def _worded(cls, languages: list[str], before: ValidationInfo) -> list[str]:
        """Refuse a language that has neither built-in texts nor the operator's."""
        worded_in(languages, before.data)
        return languages


class MqttSettings(Section):
    """The broker to which alerts are published, and the connection to it."""

    host: str = Field(
        default="",
        description="Broker: a name, an address, or a URL (mqtt://, mqtts://, ws://, wss://). embedded: a small "
        "broker in this process, on loopback only.",
    )
    port: int = Field(
        default=0,
        ge=0,
        le=65_535,
        description="Port of the broker. 0: as in mqtt.host, else 1883, or 8883 with TLS; for web sockets 80, or 443 "
        "with TLS.",
    )
    transport: Literal["tcp", "websockets"] = Field(
        default="tcp",
        description="tcp, or websockets for a broker behind a web server. A ws:// or wss:// URL implies websockets.",
    )
    path: UrlPath = Field(default="/mqtt", description="Path of the web socket where the URL in mqtt.host has none.")
    user: User = Field(default="", description="User at the broker. Empty: no user and no password.")
    password_file: str = Field(
        default="",
        description="File with the password, readable by the service only. The password can be set nowhere else.",
    )
    tls: Literal["auto", "on", "off"] = Field(
        default="auto",
        description="auto (TLS to every broker that is not on this machine), on, or off (plain text, on purpose).",
    )
    ca_file: str = Field(
        default="",
        description="Certificate authority that signed the broker's certificate. Empty: those that the system trusts.",
    )
    cert_file: str = Field(default="", description="Client certificate, for a broker that requires one.")
    key_file: str = Field(default="", description="Key of the client certificate, readable by the service only.")
    keepalive_s: int = Field(
        default=20,
        ge=5,
        le=3_600,
        description="Seconds without an answer after which the connection counts as lost.",
    )
    outbox: str = Field(
        default="",
        description="File that holds the alerts until they are delivered. Empty: in $STATE_DIRECTORY or "
        "~/.local/state. memory: no file.",
    )
    topic_root: Root = Field(
        default="maskwatch/1",
        description="First levels of every topic. A device with another root, such as maskwatch/1-staging, shares no "
        "topic, no client id, no outbox and no entity of Home Assistant with the others.",
    )
    queue: int = Field(
        default=1000,
        ge=10,
        le=1_000_000,
        description="Alerts kept while the broker is away, 1.5 KB each. Updates are dropped first, then the oldest.",
    )
    retry_min_s: Seconds = Field(
        default=1.0, description="Pause before the second attempt to connect. It doubles with every attempt."
    )
    retry_max_s: Seconds = Field(
        default=60.0,
        description="Longest such pause. It has jitter, so that the devices of a fleet do not reconnect all at once.",
    )
    stats_s: float = Field(
        default=10.0, ge=0.1, le=86_400, description="Seconds between two messages on `stats` and `count`."
    )
    commands: Literal["auto", "on", "off"] = Field(
        default="auto",
        description="Accept remote commands on the topics …/set: on, off, or auto (with a user or a certificate, or "
        "from a broker on this machine).",
    )
    snapshot: bool = Field(
        default=False,
        description="Publish an image every mqtt.stats_s, pixelated as set in privacy.pixelate.",
    )


class HomeAssistantSettings(Section):
    """Home Assistant's MQTT discovery."""

    discovery: bool = Field(
        default=False,
        description="Let Home Assistant create the entities by itself. Off by default: discovery publishes outside "
        "of maskwatch/, which a broker may forbid, and some brokers then end the connection.",
    )
    prefix: Prefix = Field(
        default="homeassistant",
        description="Discovery prefix as set in Home Assistant. Its status topic has the same prefix.",
    )


class ShowSettings(Section):
    """Windows, the terminal and other viewers on this machine."""

    window: Literal["auto", "on", "off"] = Field(
        default="auto", description="auto (open a window where there is a display), on, or off."
    )
    timings: bool = Field(
        default=False, description="Print at the end of `maskwatch run` how much time each stage took."
    )
    terminal: Literal["auto", "on", "off"] = Field(
        default="auto", description="auto (show the live status where there is a terminal), on, or off."
    )
    socket: str = Field(
        default="",
        description="Socket to which viewers connect. Empty: in $RUNTIME_DIRECTORY or $XDG_RUNTIME_DIR, else in "
        "/tmp/maskwatch-UID.",
    )
    max_width_px: Pixels = Field(default=1280, description="Images wider than this are scaled down for viewers.")


class PrivacySettings(Section):
    """What may be seen and counted of people at the stop."""

    pixelate: Literal["all", "changes", "faces"] = Field(
        default="changes",
        description="What is pixelated in every image that leaves the device: changes (all that differs from the "
        "background), all, or faces (those that were detected; some are missed).",
    )
    cells: int = Field(
        default=32,
        ge=4,
        le=64,
        description="Cells across a pixelated image; fewer where a face is close, for a face never has more than 5.",
    )
    no_look: list[Polygon] = Field(
        default=[],
        max_length=50,
        description="Privacy zones: areas that are painted over before anything else sees the image. Each is one "
        'text with its corners as shares of width and height: ["0,0 0.3,0 0.3,0.6 0,0.6"].',
    )
    aggregate: bool = Field(
        default=False,
        description="Publish only how many people of how many wore a mask, every privacy.aggregate_s: no alerts, no "
        "notices, no images.",
    )
    aggregate_s: float = Field(
        default=1200.0,
        ge=60,
        le=86_400,
        description="Period of these counts: twenty minutes, as the French decree 2021-269 requires.",
    )
    aggregate_min: int = Field(
        default=10,
        ge=1,
        le=1_000,
        description="Fewest people of which a share is published, so that it reveals nothing about a single person.",
    )
    operator: str = Field(
        default="",
        max_length=200,
        description="Who is responsible for this camera; printed on the sign and in the data sheet.",
    )
    contact: str = Field(default="", max_length=200, description="Where people can ask about this camera.")


class LogSettings(Section):
    """The log."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe messages that are logged: debug, info, warning or error."
    )


class WebSettings(Section):
    """The web page."""

    serve: bool = Field(
        default=False,
        description="Serve the web page while `maskwatch run` runs. Otherwise only `maskwatch web` serves it.",
    )
    host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="Address to listen on. One beyond loopback needs web.tls_cert, web.tls_key and web.hosts.",
    )
    port: int = Field(default=8080, ge=1, le=65_535, description="Port of the page.")
    hosts: Annotated[tuple[str, ...], Field(strict=False)] = Field(
        default=(),
        description="Names by which browsers reach the page, in addition to web.host and localhost. Any other name "
        "is refused, as a protection from DNS rebinding.",
    )
    tls_cert: str = Field(
        default="",
        description="File with the certificate and its chain. Empty: plain HTTP, on loopback only.",
    )
    tls_key: str = Field(default="", description="Key of the certificate, readable by the service only.")
    token_file: str = Field(
        default="",
        description="File with the token that opens the page. Empty: web-token in the state folder, created at the "
        "first start.",
    )
    trusted_proxies: Annotated[tuple[Proxy, ...], Field(strict=False)] = Field(
        default=(),
        description="Addresses or networks of reverse proxies whose X-Forwarded-For and X-Forwarded-Proto are "
        "trusted. Anybody else could pose as another address and guess tokens without a limit.",
    )
    session_s: float = Field(
        default=43200.0, ge=60, le=2_592_000, description="Duration of a login: a working day of twelve hours."
    )
    wrong_tries: int = Field(
        default=5,
        ge=1,
        le=1_000,
        description="Wrong tokens per minute and address, after which that address must wait.",
    )
    viewers: int = Field(
        default=20,
        ge=1,
        le=200,
        description="Browsers that may show the live image at once. Five images of 20 KB per second each are 2 MB/s.",
    )
    every_s: float = Field(
        default=0.2,
        ge=0.05,
        le=60,
        description="Shortest time between two images. Each costs the main loop about 4 ms while a browser shows it.",
    )
    width_px: Pixels = Field(default=960, description="Images wider than this are scaled down for the page.")
    send_s: float = Field(
        default=10.0, ge=1, le=600, description="A browser that accepts nothing for this long is disconnected."
    )
