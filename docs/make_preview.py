"""Draw the animated picture of the README from the demo: python docs/make_preview.py docs/preview.webp"""

from __future__ import annotations

import sys

import cv2
from PIL import Image

import edge
from edge.app.notice import build_notice_policy
from edge.capture.demo import DemoCamera
from edge.monitor.timings import Timings
from edge.pipeline import scenes
from edge.show.overlay import preview
from edge.show.view import view_of
from edge.stages import build_stages

FIRST_S, LAST_S, FPS = 3.0, 30.0, 4
"""The part of the demo that is shown: a person without a mask, one with, and how they change."""
SIZE_PX = (640, 410)


class Play:
    """Source of the demo's frames by the demo's clock, so that a slow machine makes the same picture."""

    def __init__(self, last_s: float) -> None:
        self._frames = int((last_s - FIRST_S) * FPS)

    def __iter__(self):
        camera = DemoCamera()
        for seq in range(self._frames):
            at = seq / FPS
            yield edge.Frame(camera.scene(FIRST_S + at), seq, at=at, read_at=at)

    def close(self):
        """Hold nothing open."""


def main(path: str, last_s: float = LAST_S) -> None:
    """Draw the demo until a second of it, as the preview window shows it."""
    settings = edge.load_settings()
    models, notice = edge.load_models(profile="live"), build_notice_policy(settings.notice)
    stages = build_stages(settings, models, Timings(), every_frame=False, notice=notice)
    pictures = []
    for scene in scenes(Play(last_s), stages):
        if scene.frame is not None:
            drawn = preview(scene.frame.image, view_of(scene, status=""), SIZE_PX)
            pictures.append(Image.fromarray(cv2.cvtColor(drawn, cv2.COLOR_BGR2RGB)))
    first, *others = pictures
    first.save(path, save_all=True, append_images=others, duration=1000 // FPS, loop=0, quality=55, method=6)


if __name__ == "__main__":
    main(sys.argv[1], *map(float, sys.argv[2:]))
