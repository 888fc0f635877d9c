"""What the engine finds in one input, in order and packed as bytes: the result that every way of a batch shares."""

from __future__ import annotations

import json
import zlib
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

from edge.batch.outputs import to_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Kind(Enum):
    """What a record is; the value is its mark in a packed result."""

    ROW = "row"
    ALERT = "alert"
    SUMMARY = "summary"
    DIGEST = "digest"
    BAD = "bad"


class Record(NamedTuple):
    """One record of an input.

    value: of a ROW and an ALERT the dict that --json and --alerts write; of a SUMMARY the line for a person; of a
        DIGEST the SHA-256 of a video's episodes; of BAD the sentence on why the input is bad, or partly.
    source: the input, as it was named.
    """

    kind: Kind
    source: str
    value: Any


def packed(records: Iterable[Record]) -> bytes:
    """Return records as compressed JSON lines; they are packed as they come, so a long video needs little memory."""
    packer = zlib.compressobj(level=1)
    parts = [packer.compress(to_line([r.kind.value, r.source, r.value]).encode()) for r in records]
    return b"".join((*parts, packer.flush()))


def unpacked(content: bytes) -> Iterator[Record]:
    """Yield the records of a packed result; numbers are the same to the last digit."""
    rest, unpacker = b"", zlib.decompressobj()
    while content:
        *lines, rest = (rest + unpacker.decompress(content, _PIECE_BYTES)).split(b"\n")
        content = unpacker.unconsumed_tail
        for line in lines:
            kind, source, value = json.loads(line)
            yield Record(Kind(kind), source, value)


_PIECE_BYTES = 1 << 20
