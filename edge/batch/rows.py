"""What `maskwatch detect` writes of one picture or video frame."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from edge.data import CLASSES

if TYPE_CHECKING:
    from edge.data import Faces, Frame, Scene, Track, Verdicts


def picture_row(source: str, frame: Frame, faces: Faces, verdicts: Verdicts) -> dict[str, Any]:
    """Return the row of a picture: the raw verdict of each face, no track."""
    return _row(source, frame, [_face(faces, row, verdicts, row) for row in range(len(faces))])


def scene_row(source: str, frame: Frame, scene: Scene) -> dict[str, Any]:
    """Return the row of a video frame: raw verdict and steadied label of each face, best score first."""
    found: dict[int, dict[str, Any]] = {}
    for row, place in enumerate(scene.judged):
        track = scene.tracks[place]
        if track.face is not None:
            found[track.face] = _face(scene.faces, track.face, scene.verdicts, row, track)
    return _row(source, frame, [found[face] for face in sorted(found)])


def _row(source: str, frame: Frame, faces: list[dict[str, Any]]) -> dict[str, Any]:
    width, height = frame.size_px
    head = {"source": source, "frame": frame.seq, "t_s": round(frame.at, 4), "width": width, "height": height}
    return head | {"faces": faces}


def _face(faces: Faces, face: int, verdicts: Verdicts, row: int, track: Track | None = None) -> dict[str, Any]:
    probabilities = verdicts.probabilities[row]
    result: dict[str, Any] = {
        "box": [float(v) for v in faces.boxes[face]],
        "score": float(faces.scores[face]),
        "label": verdicts.masks[row].value,
        "confidence": float(probabilities.max()),
        "probs": {mask.value: float(p) for mask, p in zip(CLASSES, probabilities, strict=True)},
    }
    if track is not None:
        result |= {"track_id": track.id, "track_label": track.mask.value}
    return result


class RowWriter(Protocol):
    """Writes rows to an opened text file."""

    def write(self, row: dict[str, Any]) -> None:
        """Write one picture or frame."""
        ...


class JsonRows:
    """One JSON line a picture or frame."""

    def __init__(self, file: TextIO) -> None:
        """Write into `file`."""
        self._file = file

    def write(self, row: dict[str, Any]) -> None:
        """Write one line."""
        self._file.write(json.dumps(row, ensure_ascii=False) + "\n")


class CsvRows:
    """One line a face, with a heading."""

    _COLUMNS = (
        "source",
        "frame",
        "t_s",
        "x1",
        "y1",
        "x2",
        "y2",
        "score",
        "label",
        "confidence",
        "track_id",
        "track_label",
    )

    def __init__(self, file: TextIO) -> None:
        """Write into `file`, heading first."""
        self._csv = csv.writer(file)
        self._csv.writerow(self._COLUMNS)

    def write(self, row: dict[str, Any]) -> None:
        """Write one line a face."""
        for face in row["faces"]:
            head, tail = [row["source"], row["frame"], row["t_s"]], [face["score"], face["label"], face["confidence"]]
            self._csv.writerow([*head, *face["box"], *tail, face.get("track_id", ""), face.get("track_label", "")])


class TextRows:
    """One line for a person to read: a picture's faces by label."""

    def __init__(self, file: TextIO) -> None:
        """Write into `file`."""
        self._file = file

    def write(self, row: dict[str, Any]) -> None:
        """Write one line."""
        faces = ", ".join(f"{face['label']} {face['confidence']:.2f}" for face in row["faces"]) or "no face"
        place = f" {row['t_s']:.2f} s" if row["faces"] and "track_id" in row["faces"][0] else ""
        self._file.write(f"{row['source']}{place}: {faces}\n")
