"""The text and tables of CARD.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models.train.sources import LABELS

if TYPE_CHECKING:
    from edge.tflite import ModelSpec

_CARRIES = """\
On faces from sources that a network had not seen in training, it classified {masked:.1%} of the masks and {bare:.1%}
of the bare faces correctly: that carries over. What hardly does is how a mask is worn: of the incorrectly worn masks
of the left-out street scenes it recognised {wrong:.0%}, and of `crops_incorrect_devtest` this model recognises
{third:.0%} with the product's detector. Masks on chins, foreheads and one ear were learned from drawings; of drawn
ones on unseen people {chin:.0%}, {forehead:.0%} and {ear:.0%} are classified as `incorrect_mask`. What the detector
took for a face is rejected as none in {rejected:.0%} of the cases on left-out scenes, at the cost of {lost:.1%} of
the faces.
"""
_LIMITS = """\
Limits: the model classifies one face crop at a time, at {size} x {size} pixels. The verdict on a face under
{face_px:.0f} px is `unsure`; below about 24 px the model distinguishes covered and bare faces, but hardly how a mask
is worn. A mask just under the nose and one that just covers it are confused more often than a mask and none; the
model is weakest on bare faces in profile, bent down or tilted. It has learned hands, scarves, beards, paper, cups,
telephones, microphones, face shields and party masks mostly from drawings, and clear masks from drawings only. A face
shield alone counts as no mask. The model identifies nobody. It is not a medical device, and nobody should be refused
anything because of its verdict alone.
"""
_ORIGIN = """\
## Origin

The trunk starts from CenterFace (MIT), which was presumably trained on WIDER FACE, whose terms are for research. The
training photographs are `scenes_andrewmvd` (CC0), `crops_chandrikadeb7` and `crops_techyhoney` (MIT); these licences
were stated by the uploaders, for images of strangers from the web. Of `crops_techyhoney` the bare faces that equal
their mirror image are left out: about half are averages of faces or computer graphics. What is no face was learned
from weak candidates of the detectors on `scenes_street_cc`, images 0 to 999 (ATANU0023/garbage_detection_dataset,
Roboflow project-shb1t, CC BY 4.0, cropped), and on `scenes_andrewmvd`. The rest is drawn: masks of every make,
colour, print and fit over bare faces, real masks moved below the nose, and objects that are no masks; also over two
public-domain portraits. In two of three images the colours are rotated, swapped or removed, since a first model had
learned the colour blue. `scenes_macwinwin` and `crops_incorrect_devtest`, and drawings on their faces, are for
testing only. Faces of training photographs that are also in a test set are left out of training (`leaks`).
"""
_FILE = """\
| file | sha256 | licence | origin |
| --- | --- | --- | --- |
| `model.tflite` | `{sha256}` | MIT | trained for this project, as above |
"""
_SLICES = """\
## By slice

Faces cropped by the product's detector, or by the labelled box if it found none; `unsure` counts as an error. Recall
(95 % interval), number of faces.
"""
_LEFT_OUT = """\
## Leave one source out

Accuracy of the float network without `unsure`. The network `without_X` was trained without the source X and without
drawings on it.
"""
_SKIN = """\
## Skin

No source states the skin tone of its people, so there is no table by skin tone; an estimated one would be misleading.
Most people in the training sources appear to be East Asian, then European and South Asian; few have dark skin. To
compensate, half of the drawings are made on skin made lighter or darker (a gamma of 0.7 to 2.6 over head and neck),
masks have the colour of the skin under them as often as any other, and colours are shuffled. This was not measured:
measure the model on people with dark skin before relying on it, above all at night.
{toned}"""


def text(spec: ModelSpec, report: dict[str, Any], left_out: dict[str, Any]) -> str:
    """Return CARD.md."""
    scenes = report["scenes"]
    parts = [
        f"# {spec.name} {spec.version}: with_mask, without_mask, incorrect_mask\n",
        _carries(report, left_out),
        _LIMITS.format(size=spec.input.shape[1], face_px=spec.thresholds["face_px"]),
        _ORIGIN,
        _FILE.format(sha256=spec.sha256),
        "## Street scenes (faces of 16 px and more; 95 % intervals)\n",
        _scene_table(scenes, report["live"]),
        _confusion(scenes["scenes_macwinwin"]["plain"]["confusion"]),
        _third(report["third_class"]),
        _SLICES,
        *(f"### {source}\n\n{_slice_table(slices)}" for source, slices in report["slices"].items()),
        _LEFT_OUT,
        _left_out_table(left_out["table"]),
        _confidence(spec, scenes["scenes_macwinwin"]["plain"]["ece"], left_out),
        "## int8 against float\n",
        _quantised(report["quantised"]),
        _SKIN.format(toned=_toned(report["slices"]["scenes_macwinwin"])),
    ]
    return "\n".join(parts)


def _carries(report: dict[str, Any], left_out: dict[str, Any]) -> str:
    """Return the first paragraph, on what the model can do with faces of sources that it has not seen."""
    slices = report["slices"]["scenes_macwinwin"]
    drawn = {place: slices[f"drawn {place}"]["incorrect_mask"]["recall"] for place in ("chin", "forehead", "one ear")}
    unseen = [
        row for name, row in left_out["table"].items() if name.split(" on ")[0] == f"without_{name.split(' on ')[1]}"
    ]
    third = report["third_class"]
    return _CARRIES.format(
        masked=_pooled(unseen, LABELS[0]),
        bare=_pooled(unseen, LABELS[1]),
        wrong=_pooled(unseen, LABELS[2]),
        third=third[LABELS[2]] / sum(third.values()),
        chin=drawn["chin"],
        forehead=drawn["forehead"],
        ear=drawn["one ear"],
        rejected=left_out["no_face"]["backgrounds_rejected"],
        lost=left_out["no_face"]["faces_rejected"],
    )


def _pooled(rows: list[dict[str, Any]], label: str) -> float:
    """Return the recall of one class over the rows that have it."""
    cells = [row[label] for row in rows if label in row]
    return float(sum(cell["recall"] * cell["n"] for cell in cells) / sum(cell["n"] for cell in cells))


def _toned(slices: dict[str, Any]) -> str:
    """Return the recall of the slices by skin as a sentence."""
    parts = []
    for name, figures in slices.items():
        if name.startswith("skin"):
            cells = ", ".join(f"{label} {figures[label]['recall']:.3f}" for label in LABELS if label in figures)
            parts.append(f"{name}: {cells}")
    return (
        f"On `scenes_macwinwin` (tone and light mixed, and an artificial darkening), recall was: {'; '.join(parts)}.\n"
    )


def _scene_table(scenes: dict[str, Any], live: dict[str, Any]) -> str:
    names = ("face_ap", "unmasked_recall", "unmasked_precision", "recall_with_mask", "right_end_to_end", "unsure_share")
    named = {
        "scenes_macwinwin": scenes["scenes_macwinwin"],
        "scenes_macwinwin, `live`": live,
        "scenes_andrewmvd (trained on)": scenes["scenes_andrewmvd"],
    }
    rows = [
        [source, colour, str(figures["faces"]), *(_share(figures[n]) for n in names)]
        for source, colours in named.items()
        for colour, figures in colours.items()
    ]
    heads = ("face AP", "unmasked recall", "unmasked precision", "mask recall", "right end to end", "unsure")
    return (
        "The detector is that of `quality` unless the source names another; that of `live` includes its verifier.\n\n"
        + _table(["source", "colours", "faces", *heads], rows)
    )


def _share(figure: dict[str, Any]) -> str:
    return f"{figure['value']:.3f} ({figure['low']:.2f}-{figure['high']:.2f})"


def _confusion(counts: dict[str, dict[str, int]]) -> str:
    verdicts = list(counts[LABELS[0]])
    rows = [[truth, *(str(counts[truth][verdict]) for verdict in verdicts)] for truth in LABELS[:2]]
    return (
        "Confusion on `scenes_macwinwin` (which has no label for incorrectly worn masks; some of its masks are):\n\n"
        + _table(["", *verdicts], rows)
    )


def _third(counts: dict[str, int]) -> str:
    n = sum(counts.values())
    listed = ", ".join(f"{verdict} {count} ({100 * count / n:.0f} %)" for verdict, count in counts.items())
    return (
        f"`crops_incorrect_devtest`, the largest face of each of {n} images labelled incorrect (about a fifth appear "
        f"to be worn correctly):\n{listed}.\n"
    )


def _slice_table(slices: dict[str, Any]) -> str:
    rows = []
    for name, figures in slices.items():
        cells = [_cell(figures[label]) if label in figures else "" for label in LABELS]
        rows.append([name, *cells, f"{figures['unsure']:.3f}"])
    return _table(["slice", *LABELS, "unsure"], rows)


def _cell(figures: dict[str, Any]) -> str:
    low, high = figures["interval"]
    return f"{figures['recall']:.3f} ({low:.2f}-{high:.2f}), {figures['n']}"


def _left_out_table(table: dict[str, Any]) -> str:
    rows = [
        [
            name,
            str(row["n"]),
            f"{row['accuracy']:.3f}",
            f"{row['balanced']:.3f}",
            *(_cell(row[label]) if label in row else "" for label in LABELS),
        ]
        for name, row in table.items()
    ]
    return _table(["network on source", "n", "accuracy", "mean recall", *LABELS], rows)


def _confidence(spec: ModelSpec, ece: float, left_out: dict[str, Any]) -> str:
    at = spec.thresholds["confidence"]
    covered, error = next((c, e) for threshold, c, e in left_out["coverage"] if threshold >= at - 0.005)
    return (
        f"## Confidence and `unsure`\n\nTemperature {spec.temperature} was fitted on the left-out sources (ECE there "
        f"{left_out['ece']:.3f}); on `scenes_macwinwin` the ECE is {ece:.3f}. Below a confidence of {at} "
        f"the verdict is `unsure`: on the left-out sources {100 * covered:.1f} % of the faces are classified, with "
        f"{100 * error:.1f} % errors instead of {100 * left_out['coverage'][0][2]:.1f} %.\n\n"
        "![reliability](reliability.png) ![coverage](coverage.png)\n"
    )


def _quantised(sources: dict[str, Any]) -> str:
    return _table(
        ["source", "faces", "int8", "float", "same verdict"],
        [
            [name, str(f["n"]), f"{f['int8']:.4f}", f"{f['float']:.4f}", f"{f['agree']:.4f}"]
            for name, f in sources.items()
        ],
    )


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
