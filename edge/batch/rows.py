"""What `maskwatch detect` writes for one image or video frame."""

from __future__ import annotations

import csv
from collections import Counter
from typing import TYPE_CHECKING, Any, Protocol

from edge.batch.outputs import to_line
from edge.data import CLASSES, Mask

if TYPE_CHECKING:
    from edge.batch.outputs import Text
    from edge.data import Alert, Faces, Frame, Scene, Track, Verdicts

_UNSURE = Mask.UNSURE.value


def image_row(source: str, frame: Frame, faces: Faces, verdicts: Verdicts) -> dict[str, Any]:
    """Return the row of an image: the raw verdict of each face, without tracks."""
    return _row(source, frame, [_face(faces, row, verdicts, row) for row in range(len(faces))])


def scene_row(source: str, frame: Frame, scene: Scene) -> dict[str, Any]:
    """Return the row of a video frame: raw verdict and voted label of each face, best score first."""
    found: dict[int, dict[str, Any]] = {}
    for row, place in enumerate(scene.classified):
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


def alert_row(source: str, alert: Alert) -> dict[str, Any]:
    """Return the row of an alert as `--alerts` writes it; times are seconds of the video."""
    track = alert.track
    return {
        "source": source,
        "event_id": alert.event_id,
        "event_type": alert.event_type.value,
        "seq": alert.seq,
        "episode": alert.episode.value,
        "label": track.mask.value,
        "confidence": round(track.confidence, 4),
        "probs": {mask.value: round(p, 4) for mask, p in zip(CLASSES, track.probabilities, strict=True)},
        "track_id": track.id,
        "box": [round(v, 1) for v in track.box],
        "since_s": round(alert.since, 3),
        "t_s": round(alert.raised_at, 3),
        "reason": alert.reason.value if alert.reason else None,
    }


class RowWriter(Protocol):
    """Writes rows into an open text file."""

    def write(self, row: dict[str, Any]) -> None:
        """Write one image or frame."""
        ...


class JsonRows:
    """One JSON line per image or frame."""

    def __init__(self, file: Text) -> None:
        """Write into `file`."""
        self._file = file

    def write(self, row: dict[str, Any]) -> None:
        """Write one line."""
        self._file.write(to_line(row))


class CsvRows:
    """One line per face, with a heading."""

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

    def __init__(self, file: Text) -> None:
        """Write the heading into `file`."""
        self._csv = csv.writer(file)
        self._csv.writerow(self._COLUMNS)

    def write(self, row: dict[str, Any]) -> None:
        """Write one line per face."""
        for face in row["faces"]:
            of_frame = [row["source"], row["frame"], row["t_s"]]
            verdict = [face["score"], face["label"], face["confidence"]]
            track = [face.get("track_id", ""), face.get("track_label", "")]
            self._csv.writerow([*of_frame, *face["box"], *verdict, *track])


class Summary:
    """One line per file for a person to read: the faces of an image, or the people and alerts of a video."""

    def __init__(self, name: str) -> None:
        """Start without rows; `name` is the file's."""
        self._name = "".join(c if c.isprintable() or "\udc80" <= c <= "\udcff" else "?" for c in name)
        self._rows = 0
        self._last: dict[str, Any] = {"t_s": 0.0, "faces": []}
        self._labels: dict[int, Counter[str]] = {}
        self.alerts = 0

    def write(self, row: dict[str, Any]) -> None:
        """Add one image or frame."""
        self._rows += 1
        self._last = row
        for face in row["faces"]:
            if "track_id" in face:
                self._labels.setdefault(face["track_id"], Counter())[face["track_label"]] += 1

    def of_image(self) -> str:
        """Return the line of an image."""
        faces = ", ".join(f"{face['label']} {face['confidence']:.2f}" for face in self._last["faces"])
        return f"{self._name}: {faces or 'no face'}"

    def of_video(self) -> str:
        """Return the line of a video; a track counts by its main label."""
        counts = Counter(main_label(seen) for seen in self._labels.values())
        people = ", ".join(f"{count} {label}" for label, count in sorted(counts.items())) or "no face"
        alerts = f"; {self.alerts} alerts" if self.alerts != 1 else "; 1 alert"
        return f"{self._name}: {self._rows} frames in {self._last['t_s']:.1f} s: {people}{alerts}"


def main_label(seen: Counter[str]) -> str:
    """Return the label of a track in one word: its most frequent one, `unsure` only if it had no other."""
    return max(seen, key=lambda label: (label != _UNSURE, seen[label]))
