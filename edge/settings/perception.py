"""Settings of the way from a frame to an alert: camera, models, tracks, votes, episodes and distances."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from edge.settings.fields import DelegateOptions, Library, Pixels, Seconds, Section, Share, Source, TopicPart, User


class CameraSettings(Section):
    """The camera, and when its image counts as lost, frozen, obscured or moved."""

    name: Annotated[TopicPart, Field(min_length=1)] = Field(
        default="main", description="Name of the camera in its MQTT topics."
    )
    source: Source = Field(
        default="auto",
        description="auto (a camera, else the demo), camera (waits for one), picamera, usb:N, usb:/dev/…, rtsp://…, "
        "http://…, a video file, an image, a folder of images, or demo.",
    )
    user: User = Field(
        default="",
        description="User of a network camera. Set it here and not in source, so that no settings file holds the "
        "password.",
    )
    password_file: str = Field(
        default="",
        description="File with the password of camera.user, readable by the service only. The service itself uses "
        "/etc/maskwatch/camera-password.",
    )
    rotate: Literal[0, 90, 180, 270] = Field(
        default=0,
        description="Degrees clockwise that turn the image upright, for a camera mounted on its side or upside down.",
    )
    flip: bool = Field(
        default=False,
        description="Mirror the image left to right after the rotation, for a camera that points at a mirror.",
    )
    width_px: Pixels = Field(
        default=1280,
        description="Width requested from the camera. Faces are cut out of this image: at 1280 x 720 a face 6 m away "
        "measures 40 pixels.",
    )
    height_px: Pixels = Field(default=720, description="Height requested from the camera; see camera.width_px.")
    fps_hz: float = Field(
        default=15.0,
        gt=0,
        le=120,
        description="Frames per second requested from the camera. More frames only heat the device.",
    )
    open_timeout_s: Seconds = Field(
        default=5.0,
        description="Longest time to open a camera or a file. Without this limit an unresponsive network camera "
        "blocks for 30 s. A file that takes longer is reported as silent.",
    )
    read_timeout_s: Seconds = Field(
        default=5.0,
        description="Longest time to read one frame. Without this limit a stalled stream blocks for 30 s.",
    )
    patience_s: Seconds = Field(
        default=1.5,
        description="Time without a frame after which a camera counts as lost and a file as silent; at least three "
        "frame intervals. It is reported at most half a second later.",
    )
    frozen_s: Seconds = Field(
        default=8.0,
        description="Time of identical frames after which the camera counts as frozen. Compressed streams repeat "
        "frames between key frames.",
    )
    lens_s: Seconds = Field(
        default=3.0,
        description="How long the image must be dark, overexposed or blurred, or normal again, before the state "
        "changes.",
    )
    moved_s: Seconds = Field(
        default=180.0,
        description="How long the view must differ before the camera counts as moved. A bus blocks the view for a "
        "minute.",
    )
    stuck_s: Seconds = Field(
        default=30.0,
        description="A call into a camera or file that blocks for longer ends the process with exit code 70, and "
        "systemd restarts it.",
    )
    retry_max_s: Seconds = Field(default=15.0, description="Longest pause between two attempts to open a camera.")
    every_s: Seconds = Field(
        default=0.0,
        description="Take one sample of a live camera at this interval instead of watching it always; from 10 s on the "
        "camera is closed in between. 0: always.",
    )
    sample_s: Seconds = Field(
        default=2.0,
        description="Length of a sample of camera.every_s; longer than alert.dwell_s, so that one sample is enough for "
        "an alert.",
    )
    pace: bool = Field(
        default=False,
        description="Play a video file at its own speed instead of as fast as it can be processed.",
    )


class DetectorSettings(Section):
    """The face detector."""

    profile: Literal["auto", "live", "balanced", "quality"] = Field(
        default="auto",
        description="live, balanced (five times the work), quality (finds small faces too, for eleven times the work), "
        "or auto: the strongest that holds detector.rate_hz in `maskwatch run`, quality in `maskwatch detect`.",
    )
    rate_hz: float = Field(
        default=4.0,
        gt=0,
        le=120,
        description="Frames per second that detector.profile = auto must hold, by a measurement of at most about a "
        "second when `maskwatch run` starts. Few are enough at a bus stop, and a stronger profile is right more often.",
    )
    cpu_share: Share = Field(
        default=0.8,
        gt=0,
        description="Share of one core that finding faces may take. A slower machine skips frames, so "
        "that none is old when it is decided on, and with auto takes a weaker profile.",
    )
    max_temperature_c: float = Field(
        default=80.0,
        ge=40,
        le=110,
        description="Temperature from which more frames are skipped, down to one detection per second. A Raspberry Pi "
        "slows itself down from 80 degrees Celsius on.",
    )
    rest_s: Seconds = Field(
        default=5.0,
        description="Longest time without a detection while nothing moves and nobody is in sight. 0: detect in every "
        "frame.",
    )
    model: str = Field(
        default="",
        description="Folder with model.tflite and model.toml, used instead of the profile's model. Empty: the model "
        "that comes with maskwatch.",
    )
    min_score: Share = Field(
        default=0.0, description="Lowest score of a face. 0: the model's own threshold, which its card explains."
    )
    threads: int = Field(
        default=1,
        ge=1,
        le=8,
        description="Threads per interpreter. On two busy cores, two threads took 20 to 84 times as long as one.",
    )


class ClassifierSettings(Section):
    """The mask classifier."""

    model: str = Field(
        default="",
        description="Folder with model.tflite and model.toml. Empty: the model that comes with maskwatch.",
    )
    every_s: Seconds = Field(default=0.2, description="How often a visible person is classified again.")
    max_per_frame: int = Field(
        default=4,
        ge=1,
        le=1_000,
        description="Faces classified per frame, those that waited longest first. This bounds the latency in a crowd.",
    )


class TfliteSettings(Section):
    """What runs the models; docs/accelerators.md."""

    delegate: Library = Field(
        default="",
        description="Shared library of an accelerator's TFLite delegate, by its path or, as libedgetpu.so.1, by a name "
        "that the system's loader finds. Where it does not work, the models run on the CPU. Empty: the CPU.",
    )
    delegate_options: DelegateOptions = Field(
        default="", description='Options for the delegate, "key:value;key:value", as its documentation names them.'
    )
    delegate_s: Seconds = Field(
        default=1.0,
        description="How long the delegate may take to load the models and to give right results, when it is tried at "
        "the start. After it the models run on the CPU. A USB accelerator needs 10 the first time after it is plugged "
        "in.",
    )


class TrackSettings(Section):
    """How detected faces become tracks."""

    min_iou: Share = Field(
        default=0.25, description="Lowest overlap (intersection over union) at which a face continues a track."
    )
    max_lost_s: Seconds = Field(
        default=2.0, description="A person who was not seen for longer than this is a new person afterwards."
    )
    min_hits: int = Field(
        default=2,
        ge=1,
        le=1_000,
        description="Frames that must show a face for sure before it counts as a person, none more than "
        "track.max_lost_s after the last. A badge or a hand that is taken for a face in a single frame is nobody.",
    )


class VoteSettings(Section):
    """How single classifications become a steady label."""

    half_life_s: Seconds = Field(default=0.6, description="Age at which a classification counts half.")
    min_votes: int = Field(
        default=2, ge=1, le=1_000, description="Classifications that are needed before a person has a label."
    )
    min_confidence: Share = Field(default=0.6, description="Mean probability below which the label is unsure.")


class AlertSettings(Section):
    """When an alert's episode opens and closes."""

    dwell_s: Seconds = Field(
        default=1.0,
        description="How long a person must be without a mask before an episode opens: from the first sighting behind "
        "the label to the frame nearest to this time, at most 0.1 s before it.",
    )
    clear_s: Seconds = Field(default=1.5, description="How long another label must hold before the episode closes.")
    gone_s: Seconds = Field(default=3.0, description="How long a person must be unseen before the episode closes.")
    update_s: Seconds = Field(default=30.0, description="Pause between two updates of an open episode.")
    incorrect: bool = Field(
        default=False, description="Open separate episodes for masks that are worn incorrectly, too."
    )
    expires_s: Seconds = Field(
        default=60.0, description="Age after which nobody should act on an alert any more; it then is a record only."
    )


class DistanceSettings(Section):
    """How distances are measured, and who counts as near."""

    fov_deg: float = Field(
        default=66.0,
        ge=10,
        le=160,
        description="Horizontal angle of view of the upright image, in degrees. Raspberry Pi Camera Module 3: 66 "
        "with the whole sensor, 47 in its mode for 1280 x 720; its wide version: 102 and 79.",
    )
    focal_widths: float = Field(
        default=0.0,
        ge=0,
        le=20,
        description="Focal length in image widths, as `maskwatch calibrate` measures and writes it. 0: computed from "
        "distance.fov_deg.",
    )
    focal_error: Share = Field(
        default=0.05, description="Relative error of the focal length (one standard deviation, as a share)."
    )
    face_height_m: float = Field(
        default=0.185,
        ge=0.1,
        le=0.3,
        description="Height in metres of an adult's face as the detector boxes it, from hairline to chin: 2.95 "
        "(measured) times the distance of the eyes, 63 mm.",
    )
    near_m: float = Field(
        default=2.0,
        ge=0,
        le=100,
        description="People nearer than this many metres to a person without a mask are counted in the alert.",
    )
