"""What kind a file is, whatever it is called."""

from __future__ import annotations

import os

import cv2
import numpy as np
import pytest
from PIL import Image

from edge.capture.kinds import Kind, contents_of, exists, format_of, kind_to_read, lacks_index
from edge.errors import CameraError
from tests.support.films import X264, film


@pytest.mark.parametrize("ending", [".jpg", ".png", ".bmp", ".webp", ".tiff", ".ppm", ".jp2"])
def test_an_image_is_known_by_its_content(tmp_path, ending):
    path = tmp_path / "no-ending"
    path.write_bytes(cv2.imencode(ending, np.full((64, 64, 3), 90, np.uint8))[1].tobytes())
    assert format_of(path).kind is Kind.IMAGE


@pytest.mark.parametrize("name", ["AVIF", "ICO", "DDS"])
def test_an_image_that_opencv_may_not_read_is_an_image_all_the_same(tmp_path, name):
    path = tmp_path / "photo.jpg"
    Image.new("RGB", (64, 64), "teal").save(path, format=name)
    assert (format_of(path).name, format_of(path).kind) == (name, Kind.IMAGE)


@pytest.mark.parametrize(
    ("head", "name", "kind"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC", Kind.IMAGE),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1miafheic", "HEIC", Kind.IMAGE),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", "AVIF", Kind.IMAGE),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "Canon raw", Kind.IMAGE),
        (b"\0\0\0\x18ftypqt  \0\0\0\0qt  ", "MPEG-4", Kind.VIDEO),
        (b"\0\0\0\x18ftypM4A \0\0\0\0isom", "audio", Kind.OTHER),
        (b"RIFF\x24\0\0\0WAVEfmt ", "audio", Kind.OTHER),
        (b"ID3\4\0\0\0\0\0\0", "audio", Kind.OTHER),
        (b"GIF89a", "GIF", Kind.VIDEO),
        (b"BMW is a maker of cars", "", Kind.OTHER),
        (b"P1 is the first of the parts", "", Kind.OTHER),
        (b"P6\n# by gimp\n8 8\n255\n", "PNM", Kind.IMAGE),
        (b"%PDF-1.7\n\x80\x81\n", "", Kind.OTHER),
        (b"", "", Kind.OTHER),
    ],
)
def test_similar_signatures_are_distinguished(tmp_path, head, name, kind):
    path = tmp_path / "file"
    path.write_bytes(head)
    assert (format_of(path).name, format_of(path).kind) == (name, kind)


@pytest.mark.parametrize(
    ("ending", "encoder"),
    [
        ("mp4", X264),
        ("mov", X264),
        ("mkv", X264),
        ("ts", X264),
        ("h264", X264),
        ("flv", X264),
        ("m2ts", (*X264, "-mpegts_m2ts_mode", "1")),
        ("3gp", ("-c:v", "h263", "-s", "352x288", "-r", "25")),
        ("wmv", ("-c:v", "wmv2")),
        ("mpg", ("-c:v", "mpeg2video", "-r", "25")),
        ("avi", ("-c:v", "mpeg4")),
        ("webm", ("-c:v", "libvpx", "-deadline", "realtime")),
        ("ogv", ("-c:v", "libtheora")),
        ("mxf", ("-c:v", "mpeg2video", "-r", "25")),
        ("dv", ("-c:v", "dvvideo", "-s", "720x576", "-pix_fmt", "yuv420p", "-r", "25")),
        ("ivf", ("-c:v", "libvpx", "-deadline", "realtime")),
        ("y4m", ("-pix_fmt", "yuv420p")),
        ("gif", ()),
        ("hevc", ("-c:v", "libx265", "-x265-params", "log-level=none")),
    ],
)
def test_a_video_is_known_by_its_content_and_read_without_its_ending(tmp_path, demo_video, ending, encoder):
    from edge.capture.video import VideoSource

    path = film(demo_video, tmp_path / f"v.{ending}", *encoder, seconds=1).rename(tmp_path / "clip")
    assert kind_to_read(path) is Kind.VIDEO
    source = VideoSource(path)
    images = [frame.image for frame in source]
    source.close()
    assert len(images) >= 6
    assert images[0].mean() > 60


def test_jpeg_after_jpeg_is_a_video_only_where_it_is_called_one(tmp_path):
    jpeg = cv2.imencode(".jpg", np.full((8, 8, 3), 90, np.uint8))[1].tobytes()
    for name, kind in (("clip.mjpeg", Kind.VIDEO), ("stereo.jpg", Kind.IMAGE)):
        (tmp_path / name).write_bytes(jpeg * 2)
        assert format_of(tmp_path / name).kind is kind


def test_a_file_with_the_extension_of_an_image_or_video_but_other_content_counts_as_damaged(tmp_path):
    for name, kind in (("a.JPG", Kind.IMAGE), ("b.wmv", Kind.VIDEO), ("c.heic", Kind.IMAGE), ("main.ts", Kind.OTHER)):
        (tmp_path / name).write_text("const answer = 42\n")
        assert format_of(tmp_path / name).kind is kind


@pytest.mark.parametrize(("content", "reason"), [(b"#EXTM3U\nhttp://h/x.ts\n", "is text"), (b"ID3\4\0", "is audio")])
def test_a_playlist_a_letter_and_a_song_are_given_to_no_decoder(tmp_path, content, reason):
    path = tmp_path / "film"
    path.write_bytes(content)
    with pytest.raises(CameraError, match=f"film: {reason}, not an image or video"):
        kind_to_read(path)


def test_what_is_not_known_is_left_to_the_decoder(tmp_path):
    (tmp_path / "x.bin").write_bytes(bytes(range(256)))
    assert kind_to_read(tmp_path / "x.bin") is Kind.VIDEO


def test_a_folder_lists_what_it_skips_and_why(tmp_path):
    jpeg = cv2.imencode(".jpg", np.full((8, 8, 3), 90, np.uint8))[1].tobytes()
    for name in ("b.jpg", "a", ".hidden.jpg"):
        (tmp_path / name).write_bytes(jpeg)
    for number in range(7):
        (tmp_path / f"n{number}.txt").write_text("note")
    (tmp_path / "clip.mp4").write_bytes(b"\0\0\0\x18ftypisom\0\0\0\0isom")
    (tmp_path / "deeper").mkdir()
    os.mkfifo(tmp_path / "pipe")
    found = contents_of(tmp_path, [Kind.IMAGE])
    assert [path.name for path, _ in found.files] == ["a", "b.jpg"]
    assert str(found) == (
        "clip.mp4 (video); deeper (folder; to read it, name it); "
        "n0.txt, n1.txt, n2.txt, n3.txt, n4.txt and 2 more (no image or video); pipe (not a file)"
    )


def test_an_index_at_either_end_is_found(tmp_path, demo_video):
    for number, flags in enumerate(((), ("-movflags", "+faststart"), ("-movflags", "+frag_keyframe+empty_moov"))):
        path = film(demo_video, tmp_path / f"{number}.mp4", *X264, *flags, seconds=1)
        assert not lacks_index(path)
    path.write_bytes(b"\0\0\0\x08ftyp\0\0\0\1mdat" + (1 << 40).to_bytes(8, "big"))
    assert lacks_index(path)


def test_a_name_that_no_file_can_have_is_none(tmp_path):
    assert not exists(tmp_path / ("x" * 5000))
    assert not exists(tmp_path / "a\0b")
