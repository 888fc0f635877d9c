"""The kind of a file, by its content: an image, a video or neither."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from edge.errors import CameraError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path


class Kind(Enum):
    """What a file holds."""

    IMAGE = "image"
    VIDEO = "video"
    OTHER = "no image or video"


@dataclass(frozen=True, slots=True)
class Format:
    """Format of a file; `name` is for people, empty if unknown."""

    name: str
    kind: Kind


class _Signature(NamedTuple):
    """Bytes at an offset that identify a format."""

    at: int
    content: bytes
    name: str
    kind: Kind


_SIGNATURES = (
    _Signature(0, b"\xff\xd8\xff", "JPEG", Kind.IMAGE),
    _Signature(0, b"\x89PNG\r\n\x1a\n", "PNG", Kind.IMAGE),
    _Signature(8, b"WEBP", "WebP", Kind.IMAGE),
    _Signature(0, b"II*\0", "TIFF", Kind.IMAGE),
    _Signature(0, b"MM\0*", "TIFF", Kind.IMAGE),
    _Signature(0, b"\0\0\0\x0cjP  ", "JPEG 2000", Kind.IMAGE),
    _Signature(0, b"\xffO\xffQ", "JPEG 2000", Kind.IMAGE),
    _Signature(0, b"\0\0\0\x0cJXL ", "JPEG XL", Kind.IMAGE),
    _Signature(0, b"\xff\x0a", "JPEG XL", Kind.IMAGE),
    _Signature(0, b"8BPS", "Photoshop", Kind.IMAGE),
    _Signature(0, b"v/1\x01", "OpenEXR", Kind.IMAGE),
    _Signature(0, b"#?RADIANCE", "Radiance HDR", Kind.IMAGE),
    _Signature(0, b"qoif", "QOI", Kind.IMAGE),
    _Signature(0, b"DDS ", "DDS", Kind.IMAGE),
    _Signature(0, b"\0\0\1\0", "ICO", Kind.IMAGE),
    _Signature(0, b"GIF8", "GIF", Kind.VIDEO),  # usually a few frames, and FFmpeg reads it where OpenCV cannot
    *(_Signature(4, box, "QuickTime", Kind.VIDEO) for box in (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")),
    _Signature(0, b"\x1aE\xdf\xa3", "Matroska", Kind.VIDEO),
    _Signature(8, b"AVI ", "AVI", Kind.VIDEO),
    _Signature(0, b"0&\xb2u\x8ef\xcf\x11", "Windows Media", Kind.VIDEO),
    _Signature(0, b"\0\0\1", "MPEG", Kind.VIDEO),
    _Signature(0, b"\0\0\0\1", "H.264 or H.265", Kind.VIDEO),
    _Signature(0, b"FLV\1", "Flash", Kind.VIDEO),
    _Signature(0, b".RMF", "RealMedia", Kind.VIDEO),
    _Signature(0, b"DKIF", "IVF", Kind.VIDEO),
    _Signature(0, b"YUV4MPEG2", "YUV4MPEG", Kind.VIDEO),
    _Signature(0, b"\x06\x0e+4", "MXF", Kind.VIDEO),
    _Signature(0, b"\x1f\x07\0", "DV", Kind.VIDEO),
    _Signature(0, b"nut/multimedia container", "NUT", Kind.VIDEO),
)
"""Source: the formats' specifications, as in file(1) and FFmpeg; a longer signature comes before its own prefix."""
_BRANDS = {
    b"heic": "HEIC",
    b"heix": "HEIC",
    b"heim": "HEIC",
    b"heis": "HEIC",
    b"mif1": "HEIC",
    b"msf1": "HEIC",
    b"avif": "AVIF",
    b"avis": "AVIF",
    b"crx ": "Canon raw",
}
"""Brands of ISO base media files that are images. Source: ISO/IEC 23008-12, annex B; AV1 Image File Format, 6."""
_AUDIO = (b"M4A ", b"M4B ", b"F4A ")
_PACKETS = ((0, 188), (4, 192))
"""Offset of the first packet of a transport stream and length of a packet, bytes: broadcast, and cameras' M2TS."""
_HEAD_BYTES = 1024
_IMAGES = frozenset(
    {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".heic", ".heif", ".avif", ".jxl"}
)
_VIDEOS = frozenset(
    {".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v", ".mjpeg", ".mjpg", ".ts", ".mpg", ".mpeg", ".h264", ".wmv"}
    | {".3gp", ".3g2", ".mts", ".m2ts", ".flv", ".vob", ".asf", ".ogv", ".mxf", ".dv", ".gif", ".h265", ".hevc"}
)
"""Extensions that count if the content is not recognised, so that a damaged image or video is reported."""
_CODE = frozenset({".ts", ".mts"})
"""Extensions of transport streams, and of TypeScript."""
_RAW_JPEGS = frozenset({".mjpeg", ".mjpg"})
"""Extensions of motion JPEG, whose content begins like that of a photo."""


def format_of(path: Path) -> Format:
    """Return the format of a file or pipe; a pipe counts as a video, since it can be read only once.

    Raises:
        CameraError: it cannot be read.
    """
    if path.is_fifo():
        return Format("pipe", Kind.VIDEO)
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        raise CameraError(f"{path}: cannot be read: {error.strerror}") from error
    found = _of_content(head)
    extension = path.suffix.lower()
    if found.name == "JPEG" and extension in _RAW_JPEGS:
        return Format("JPEG", Kind.VIDEO)
    if found.kind is not Kind.OTHER or found.name or (extension in _CODE and _is_text(head)):
        return found
    return Format("", Kind.IMAGE if extension in _IMAGES else Kind.VIDEO if extension in _VIDEOS else Kind.OTHER)


def _of_content(head: bytes) -> Format:
    if head[4:8] == b"ftyp":
        return _of_brands(head)
    for found in _SIGNATURES:
        if head.startswith(found.content, found.at):
            return Format(found.name, found.kind)
    return next((known for test, known in _TESTS if test(head)), Format("", Kind.OTHER))


def _is_bitmap(head: bytes) -> bool:
    """Return whether a file is a BMP; its two letters alone may begin any text. Source: Microsoft, Bitmap Storage."""
    return head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in (12, 40, 52, 56, 64, 108, 124)


def _is_stream(head: bytes) -> bool:
    """Return whether a file is a transport stream: packets of broadcast, or of cameras (M2TS), follow each other."""
    return any(len(head) > 3 * size and set(head[at : at + 3 * size : size]) == {0x47} for at, size in _PACKETS)


_TESTS: tuple[tuple[Callable[[bytes], object], Format], ...] = (
    (_is_bitmap, Format("BMP", Kind.IMAGE)),
    (re.compile(rb"P[1-6]\s+(#|\d)|P7\nWIDTH").match, Format("PNM", Kind.IMAGE)),
    (re.compile(rb"OggS.*(theora|OVP80)", re.DOTALL).match, Format("Ogg", Kind.VIDEO)),
    (re.compile(rb"OggS|ID3|fLaC|RIFF....WAVE", re.DOTALL).match, Format("audio", Kind.OTHER)),
    (_is_stream, Format("MPEG-TS", Kind.VIDEO)),
)


def _of_brands(head: bytes) -> Format:
    """Return the format of an ISO base media file by its brands, the major one first. Source: ISO/IEC 14496-12, 4.3."""
    end = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, end, 4))]
    if brands[0] in _AUDIO:
        return Format("audio", Kind.OTHER)
    if brands[0] in _BRANDS:
        avif = any(brand in (b"avif", b"avis") for brand in brands)
        return Format("AVIF" if avif else _BRANDS[brands[0]], Kind.IMAGE)
    return Format("MPEG-4", Kind.VIDEO)


def kind_to_read(path: Path) -> Kind:
    """Return as what a file is to be read; if its content is unknown, the video decoder decides.

    Raises:
        CameraError: it cannot be read, or is neither an image nor a video.
    """
    found = format_of(path)
    if found.kind is not Kind.OTHER:
        return found.kind
    with path.open("rb") as file:
        name = found.name or ("text" if _is_text(file.read(_HEAD_BYTES)) else "")
    if name:
        raise CameraError(f"{path}: is {name}, not an image or video")
    return Kind.VIDEO


def _is_text(head: bytes) -> bool:
    """Return whether a file begins like a text: FFmpeg would render one as video, and follow a playlist's links."""
    return bool(head) and not any(byte < 0x20 and byte not in b"\t\n\r\f\x1b" for byte in head)


def rare_image(content: bytes) -> str:
    """Return the name of an image format that some versions of OpenCV do not decode, else an empty string."""
    found = _of_content(content[:_HEAD_BYTES])
    return found.name if found.kind is Kind.IMAGE and found.name not in _COMMON else ""


_COMMON = frozenset({"JPEG", "PNG", "BMP", "TIFF", "PNM", "WebP"})


def lacks_index(path: Path) -> bool:
    """Return whether an MPEG-4 or QuickTime file has no index (moov), as after an interrupted recording.

    Source: ISO/IEC 14496-12, section 4.2: boxes of size and type; size 1: 64 bits follow, 0: up to the end.
    """
    at = 0
    end = path.stat().st_size
    with path.open("rb") as file:
        if _of_content(file.read(_HEAD_BYTES)).name not in ("MPEG-4", "QuickTime"):
            return False
        while at + 8 <= end:
            file.seek(at)
            header = file.read(16)
            if header[4:8] == b"moov":
                return False
            size = int.from_bytes(header[:4], "big")
            size = int.from_bytes(header[8:], "big") if size == 1 else size
            at = at + size if size >= 8 else end
    return True


def exists(path: Path) -> bool:
    """Return whether a file or folder exists; False for a name that the file system does not allow.

    Raises:
        InputError: this user has no access to its folder.
    """
    try:
        return path.exists()
    except PermissionError as error:
        raise InputError(f"{path}: this user may not use it; fix: ask its owner, or use sudo") from error
    except (OSError, ValueError):
        return False


@dataclass(frozen=True, slots=True)
class Contents:
    """Content of a folder, by name."""

    files: tuple[tuple[Path, Kind], ...]
    skipped: dict[str, list[str]]
    """Names of skipped entries, by reason."""

    def __str__(self) -> str:
        """Return the skipped entries for people."""
        return "; ".join(f"{_some(names)} ({reason})" for reason, names in self.skipped.items())


def contents_of(folder: Path, wanted: Iterable[Kind]) -> Contents:
    """Return the files of some kinds in a folder; hidden files and subfolders are not read.

    Raises:
        CameraError: the folder cannot be read.
    """
    try:
        paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise CameraError(f"{folder}: cannot be read: {error.strerror}") from error
    files = []
    skipped = dict[str, list[str]]()
    for path in paths:
        kind, reason = _kind_or_reason(path)
        if kind in wanted:
            files.append((path, kind))
        else:
            skipped.setdefault(reason, []).append(path.name)
    return Contents(tuple(files), skipped)


def _kind_or_reason(path: Path) -> tuple[Kind, str]:
    """Return the kind of a folder's entry, and the reason to name if that kind is not wanted."""
    try:
        if path.is_dir():
            return Kind.OTHER, "folder; to read it, name it"
        if not path.is_file():
            return Kind.OTHER, "not a file"
        kind = format_of(path).kind
    except OSError:  # reported with the reason when it is read
        return Kind.IMAGE, ""
    return kind, kind.value


_LISTED = 5
"""Number of names in a list before it is shortened."""


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
