"""The video decoder: interlaced video is seen, and a decoder that is blind for it is named."""

from __future__ import annotations

import logging

import cv2
import numpy as np
import pytest

from edge.capture import decoder
from edge.capture.opencv import OpenCvCamera
from edge.capture.video import VideoSource
from edge.errors import CameraError
from tests.support.films import INTERLACED, X264, film

BROKEN = "OpenCV 4.14.0 decodes interlaced video to black or stale frames"


@pytest.fixture
def test_anew():
    decoder.fault.cache_clear()
    yield
    decoder.fault.cache_clear()


def test_the_installed_opencv_decodes_interlaced_video(test_anew):
    """Red with opencv-python 4.13 and 4.14: setup.py keeps them out, so the environment is older than setup.py."""
    assert decoder.fault() == ""


@pytest.mark.parametrize(
    ("name", "encoder"),
    [
        ("i.ts", (*X264, *INTERLACED)),
        ("i.mpg", ("-c:v", "mpeg2video", "-flags", "+ildct+ilme", "-r", "25")),
        ("i.mkv", ("-c:v", "mpeg4", "-flags", "+ildct+ilme")),
    ],
)
def test_an_interlaced_video_is_neither_black_nor_stale(tmp_path, demo_video, name, encoder):
    source = VideoSource(film(demo_video, tmp_path / name, *encoder))
    images = [frame.image for frame in source]
    source.close()
    assert len(images) > 20
    assert min(image.mean() for image in images) > 60
    assert not any(np.array_equal(images[k], images[k + 6]) for k in range(len(images) - 6))


class Blind:
    """A capture that does what OpenCV 4.13 does with interlaced video: black frames, and no error."""

    def __init__(self, level: int) -> None:
        self.level = level

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return True

    def read(self):
        return True, np.full((36, 64, 3), self.level, np.uint8)

    def get(self, _property: int) -> float:
        return 64.0

    def release(self) -> None:
        """Hold nothing."""


def test_a_decoder_that_hands_out_black_or_stale_frames_is_named_once(test_anew, monkeypatch, caplog):
    for level in (0, 255):
        monkeypatch.setattr(cv2, "VideoCapture", lambda *_, level=level: Blind(level))
        decoder.fault.cache_clear()
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            assert decoder.fault() == decoder.fault() == BROKEN.replace("4.14.0", cv2.__version__)
        (line,) = caplog.messages
        assert "fix: pip install 'opencv-python>=4.10,<4.13'" in line


def test_black_frames_of_a_broken_decoder_are_no_picture(tmp_path, monkeypatch):
    path = tmp_path / "black.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 6.0, (64, 36))
    for _ in range(6):
        writer.write(np.zeros((36, 64, 3), np.uint8))
    writer.release()
    assert len(list(VideoSource(path))) == 6  # a dark night is no fault
    monkeypatch.setattr(decoder, "fault", lambda: BROKEN)
    with pytest.raises(CameraError, match=r"black\.avi: is interlaced, and OpenCV 4\.14\.0 .* fix: pip install"):
        list(VideoSource(path))
    with pytest.raises(CameraError, match=r"rtsp://h/s: is interlaced"):
        OpenCvCamera("rtsp://h/s", Blind(0), is_stream=True).read()
    assert OpenCvCamera("rtsp://h/s", Blind(90), is_stream=True).read() is not None
    assert OpenCvCamera("usb:0", Blind(0)).read() is not None  # a lens that is covered
