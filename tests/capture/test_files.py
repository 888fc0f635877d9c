"""Pictures and videos on disk, good and bad."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from edge.__main__ import _FOR_LIBRARIES
from edge.capture.files import MAX_PIXELS, FolderSource, is_truncated, read_image
from edge.capture.opencv import _is_image, open_stream
from edge.capture.video import VideoSource
from edge.errors import CameraError, InputError
from tests.support.films import with_orientation
from tests.support.program import environment, maskwatch


def save(path: Path, image: np.ndarray) -> Path:
    assert cv2.imwrite(str(path), image)
    return path


@pytest.mark.parametrize("shape", [(1, 1), (1, 1, 3), (40, 30), (40, 30, 3), (40, 30, 4)])
def test_grey_alpha_and_tiny_pictures_become_bgr(tmp_path, shape):
    image = read_image(save(tmp_path / "p.png", np.full(shape, 200, np.uint8)))
    assert image.shape == (*shape[:2], 3)
    assert image.dtype == np.uint8


def test_a_picture_of_12000_pixels_is_read(tmp_path):
    assert read_image(save(tmp_path / "p.jpg", np.zeros((40, 12_000, 3), np.uint8))).shape == (40, 12_000, 3)


def test_an_image_is_rotated_by_its_exif_orientation(tmp_path):
    image = np.zeros((20, 60, 3), np.uint8)
    image[:, :30] = 255
    path = with_orientation(save(tmp_path / "p.jpg", image), 6)
    turned = read_image(path)
    assert turned.shape == (60, 20, 3)
    assert turned[:25].mean() > 200
    assert turned[35:].mean() < 50


@pytest.mark.parametrize(
    ("content", "reason"), [(b"", "is empty"), (b"no picture", "is not an image"), (None, "cannot be read")]
)
def test_a_file_that_is_not_an_image_is_reported(tmp_path, content, reason):
    path = tmp_path / "p.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CameraError, match=rf"p\.jpg: {reason}"):
        read_image(path)


def test_a_png_that_claims_gigabytes_is_refused_before_they_are_allocated(tmp_path):
    path = save(tmp_path / "p.png", np.zeros((40, 40, 3), np.uint8))
    content = bytearray(path.read_bytes())
    content[33:37] = (2_300_000_000).to_bytes(4, "big")
    path.write_bytes(content)
    assert is_truncated(bytes(content))
    with pytest.raises(CameraError, match=r"p\.png: is not an image"):
        read_image(path)


def claiming(path: Path, size_px: tuple[int, int], kind: str) -> Path:
    """Write an image of one colour: small as a file, large once it is decoded."""
    Image.new("L" if kind != "TIFF" else "1", size_px).save(
        path, kind, **({"compression": "group4"} if kind == "TIFF" else {})
    )
    return path


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "GIF", "BMP", "JPEG2000", "PPM"])
def test_an_image_with_too_many_pixels_is_refused_before_it_is_decoded(tmp_path, kind, monkeypatch):
    path = claiming(tmp_path / "p.png", (9_000, 7_500), kind)
    monkeypatch.setattr("cv2.imdecode", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(CameraError, match=r"p\.png: has more pixels than the limit of 67 million; fix: shrink it"):
        read_image(path)


def test_an_image_of_180_million_pixels_is_refused_without_a_warning(tmp_path, recwarn):
    with pytest.raises(CameraError, match="more pixels than the limit"):
        read_image(claiming(tmp_path / "p.tif", (20_000, 20_000), "TIFF"))
    assert not recwarn.list


def test_an_image_as_large_as_the_limit_is_read(tmp_path):
    assert read_image(claiming(tmp_path / "p.jpg", (8_192, 8_192), "JPEG")).shape == (8_192, 8_192, 3)


def test_a_small_file_that_claims_gigabytes_costs_the_command_nothing(tmp_path):
    bomb, code = claiming(tmp_path / "p.png", (18_000, 18_000), "PNG"), "import cv2; print(cv2.imread({!r}))"
    done = maskwatch("detect", bomb)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"maskwatch: {bomb}: has more pixels than the limit of 67 million; fix: shrink it"
    ]
    # what Pillow knows no header of meets OpenCV's own bound
    bound = {"OPENCV_IO_MAX_IMAGE_PIXELS": _FOR_LIBRARIES["OPENCV_IO_MAX_IMAGE_PIXELS"]}
    assert int(bound["OPENCV_IO_MAX_IMAGE_PIXELS"]) == MAX_PIXELS
    done = subprocess.run(
        [sys.executable, "-c", code.format(str(bomb))],
        env=environment(**bound),
        capture_output=True,
        check=False,
        text=True,
    )
    assert "CV_IO_MAX_IMAGE_PIXELS" in done.stderr


class Huge:
    """Stands for cv2.VideoCapture on a stream or video of huge frames."""

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return True

    def get(self, _property: int) -> float:
        return 12_000.0

    def read(self) -> tuple[bool, np.ndarray]:
        return pytest.fail("it was decoded")

    def release(self) -> None:
        """Hold nothing."""


def test_a_stream_and_a_video_of_huge_frames_are_refused_before_one_is_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr("cv2.VideoCapture", lambda *_: Huge())
    with pytest.raises(CameraError, match="http://x: has more pixels than the limit of 67 million"):
        open_stream("http://x", open_timeout_s=1, read_timeout_s=1)
    path = tmp_path / "v.mp4"
    path.touch()
    with pytest.raises(CameraError, match=r"v\.mp4: has more pixels"):
        VideoSource(path)


def test_a_stream_whose_frames_grow_huge_gives_none_of_them(monkeypatch):
    monkeypatch.setattr("edge.capture.opencv.MAX_PIXELS", 40 * 30)
    assert _is_image(np.zeros((30, 40, 3), np.uint8))
    assert not _is_image(np.zeros((31, 40, 3), np.uint8))


def test_a_complete_png_is_not_truncated(tmp_path, demo_picture):
    assert not is_truncated(demo_picture.read_bytes())


def test_an_empty_folder_is_named(tmp_path):
    with pytest.raises(InputError, match="has no image"):
        FolderSource(tmp_path, on_bad=lambda _error: None)


def test_a_folder_yields_its_good_images_and_reports_bad_ones(tmp_path):
    save(tmp_path / "a.png", np.zeros((4, 4, 3), np.uint8))
    (tmp_path / "b.png").write_bytes(b"x")
    save(tmp_path / "c.png", np.zeros((4, 4, 3), np.uint8))
    bad = []
    frames = list(FolderSource(tmp_path, on_bad=bad.append))
    assert [frame.at for frame in frames] == [0.0, 2.0]
    assert len(bad) == 1
