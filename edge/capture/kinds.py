"""What kind a file is, judged by its content: an image, a video or neither; the one way of every command."""

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
    """What a file is: `name` for people, empty where it is not known."""

    name: str
    kind: Kind


class _Signature(NamedTuple):
    """Bytes at a place by which a format is known."""

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
    _Signature(0, b"GIF8", "GIF", Kind.VIDEO),  # as a rule a few frames, and FFmpeg reads it where OpenCV cannot
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
"""Source: the formats' specifications, as file(1) and FFmpeg have them; longer ones stand before their beginnings."""
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
"""Where the first packet of a transport stream begins, and how long one is, in bytes: broadcast, and cameras' M2TS."""
_HEAD_BYTES = 1024
_IMAGES = frozenset(
    {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".heic", ".heif", ".avif", ".jxl"}
)
_VIDEOS = frozenset(
    {".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v", ".mjpeg", ".mjpg", ".ts", ".mpg", ".mpeg", ".h264", ".wmv"}
    | {".3gp", ".3g2", ".mts", ".m2ts", ".flv", ".vob", ".asf", ".ogv", ".mxf", ".dv", ".gif", ".h265", ".hevc"}
)
"""Endings that count where the content says nothing: a file that should be one and is none is reported."""
_CODE = frozenset({".ts", ".mts"})
"""Endings of transport streams, and of TypeScript."""
_RAW_JPEGS = frozenset({".mjpeg", ".mjpg"})
"""Endings of JPEG after JPEG, which begins like one JPEG; photos with a second one inside begin so, too."""


def format_of(path: Path) -> Format:
    """Return what a file or pipe is; a pipe, which can be read only once, counts as a video.

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
    found, ending = _of_content(head), path.suffix.lower()
    if found.name == "JPEG" and ending in _RAW_JPEGS:
        return Format("JPEG", Kind.VIDEO)
    if found.kind is not Kind.OTHER or found.name or (ending in _CODE and _is_text(head)):
        return found
    return Format("", Kind.IMAGE if ending in _IMAGES else Kind.VIDEO if ending in _VIDEOS else Kind.OTHER)


def _of_content(head: bytes) -> Format:
    if head[4:8] == b"ftyp":
        return _of_brands(head)
    for found in _SIGNATURES:
        if head.startswith(found.content, found.at):
            return Format(found.name, found.kind)
    return next((known for test, known in _TESTS if test(head)), Format("", Kind.OTHER))


def _is_bitmap(head: bytes) -> bool:
    """Return whether a file is a BMP: its two letters may begin any text. Source: Microsoft, Bitmap Storage."""
    return head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in (12, 40, 52, 56, 64, 108, 124)


def _is_stream(head: bytes) -> bool:
    """Return whether packets of a transport stream follow each other: broadcast's, or those of cameras (M2TS)."""
    return any(len(head) > 3 * size and set(head[at : at + 3 * size : size]) == {0x47} for at, size in _PACKETS)


_TESTS: tuple[tuple[Callable[[bytes], object], Format], ...] = (
    (_is_bitmap, Format("BMP", Kind.IMAGE)),
    (re.compile(rb"P[1-6]\s+(#|\d)|P7\nWIDTH").match, Format("PNM", Kind.IMAGE)),
    (re.compile(rb"OggS.*(theora|OVP80)", re.DOTALL).match, Format("Ogg", Kind.VIDEO)),
    (re.compile(rb"OggS|ID3|fLaC|RIFF....WAVE", re.DOTALL).match, Format("audio", Kind.OTHER)),
    (_is_stream, Format("MPEG-TS", Kind.VIDEO)),
)


def _of_brands(head: bytes) -> Format:
    """Return what an ISO base media file is by its brands, the major one first. Source: ISO/IEC 14496-12, 4.3."""
    end = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, end, 4))]
    if brands[0] in _AUDIO:
        return Format("audio", Kind.OTHER)
    if brands[0] in _BRANDS:
        avif = any(brand in (b"avif", b"avis") for brand in brands)
        return Format("AVIF" if avif else _BRANDS[brands[0]], Kind.IMAGE)
    return Format("MPEG-4", Kind.VIDEO)


def kind_to_read(path: Path) -> Kind:
    """Return what a file is to be read as; where its content is not known, the video decoder decides.

    Raises:
        CameraError: it cannot be read, or is neither an image nor a video.
    """
    found = format_of(path)
    if found.kind is not Kind.OTHER:
        return found.kind
    with path.open("rb") as file:
        name = found.name or ("text" if _is_text(file.read(_HEAD_BYTES)) else "")
    if name:
        raise CameraError(f"{path}: is {name}, no image and no video")
    return Kind.VIDEO


def _is_text(head: bytes) -> bool:
    """Return whether a file begins like a text: FFmpeg would play a letter as a film, and follow a playlist's links."""
    return bool(head) and not any(byte < 0x20 and byte not in b"\t\n\r\f\x1b" for byte in head)


def rare_image(content: bytes) -> str:
    """Return the name of an image's format that some versions of OpenCV do not decode, else nothing."""
    found = _of_content(content[:_HEAD_BYTES])
    return found.name if found.kind is Kind.IMAGE and found.name not in _COMMON else ""


_COMMON = frozenset({"JPEG", "PNG", "BMP", "TIFF", "PNM", "WebP"})


def lacks_index(path: Path) -> bool:
    """Return whether an MPEG-4 or QuickTime file has no index (moov), as where a recording was cut off.

    Source: ISO/IEC 14496-12, section 4.2: boxes of size and type, the size 1 for a longer one and 0 for the rest.
    """
    at, end = 0, path.stat().st_size
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
    """Return whether there is such a file or folder; a name that none could have is none.

    Raises:
        InputError: it is in a folder that this user may not enter.
    """
    try:
        return path.exists()
    except PermissionError as error:
        raise InputError(f"{path}: this user may not use it; fix: ask its owner, or use sudo") from error
    except (OSError, ValueError):
        return False


@dataclass(frozen=True, slots=True)
class Contents:
    """What a folder holds, by name."""

    files: tuple[tuple[Path, Kind], ...]
    passed_over: dict[str, list[str]]
    """Names of what is left aside, by the reason."""

    def __str__(self) -> str:
        """Return what is left aside, for people."""
        return "; ".join(f"{_some(names)} ({reason})" for reason, names in self.passed_over.items())


def contents_of(folder: Path, wanted: Iterable[Kind]) -> Contents:
    """Return the files of some kinds in a folder; hidden files are no part of it, and what lies in its folders is none.

    Raises:
        CameraError: the folder cannot be read.
    """
    try:
        paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise CameraError(f"{folder}: cannot be read: {error.strerror}") from error
    files, passed_over = [], dict[str, list[str]]()
    for path in paths:
        kind, reason = _kind_or_reason(path)
        if kind in wanted:
            files.append((path, kind))
        else:
            passed_over.setdefault(reason, []).append(path.name)
    return Contents(tuple(files), passed_over)


def _kind_or_reason(path: Path) -> tuple[Kind, str]:
    """Return the kind of a folder's entry, and the words that say why it is none that is wanted."""
    try:
        if path.is_dir():
            return Kind.OTHER, "folder; name it to read it"
        if not path.is_file():
            return Kind.OTHER, "no file"
        kind = format_of(path).kind
    except OSError:  # named again, with the reason, where it is read
        return Kind.IMAGE, ""
    return kind, kind.value


_LISTED = 5
"""Names in a list before it is cut."""


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
