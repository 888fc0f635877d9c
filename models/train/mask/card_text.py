"""The words and tables of CARD.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models.train.sources import LABELS

if TYPE_CHECKING:
    from edge.tflite import ModelSpec

_CANNOT = """\
What it cannot do: it judges one cut-out face at a time and sees {size} x {size} pixels of it. Under {face_px:.0f} px it
says nothing (`unsure`), and below about 24 px it tells covered from bare rather than how a mask sits. A mask just under
the nose and one that just covers it are confused more often than a mask and none; bare faces in profile, bent down or
tilted are its weakest. Hands, scarves, beards, paper, cups, telephones and microphones it knows mostly from drawings;
clear masks from drawings only. A mask on the forehead or hanging from one ear it mostly takes for none: of drawn ones
it calls {forehead:.0%} and {ear:.0%} worn wrongly. It does not know who anybody is. It is no medical device, and nobody
should be refused anything on its word alone.
"""
_ORIGIN = """\
## Where it comes from

The trunk starts from CenterFace (MIT), which was presumably trained on WIDER FACE, whose terms are for research. The
photographs trained on are `scenes_andrewmvd` (CC0) and `crops_chandrikadeb7` (MIT): the uploader's word over pictures
of strangers from the web. The rest is drawn: masks of every make, colour, print and fit over bare faces, real masks
slid below the nose, things that are no masks; also over two public-domain portraits. In two pictures of three colours
are turned, swapped or taken away, since a first model had learned the colour blue. `scenes_macwinwin` and
`crops_incorrect_devtest` are for testing only, and so are the drawings on their faces. Faces of training photographs
that turn up in a test set as well are left out of training (`leaks`).
"""
_SLICES = """\
## By slice

Faces cut by the product's detector, or by the labelled box where it found none; `unsure` counts as wrong. Recall (95 %
interval), number of faces.
"""
_LEFT_OUT = """\
## Leave one source out

Accuracy of the float network without `unsure`. A network named `without_X` never saw the source X nor a drawing on it.
"""
_SKIN = """\
## Skin

No source says what skin its people have, so there is no table by skin tone, and guessing one would be dishonest. To the
eye, most people in the training sources look East Asian, then European and South Asian; few have dark skin. Against
that, half of the drawings are made on skin turned lighter or darker (a gamma of 0.7 to 2.6 over head and neck), masks
take the colour of the skin under them as often as any other, and colours are shuffled. That is a remedy and not a
measurement: among people with dark skin, measure before relying on it, at night above all.
{toned}"""


def text(spec: ModelSpec, report: dict[str, Any], left_out: dict[str, Any]) -> str:
    """Return CARD.md."""
    scenes = report["scenes"]
    parts = [
        f"# {spec.name} {spec.version}: with_mask, without_mask, incorrect_mask\n",
        _cannot(spec, report["slices"]["scenes_macwinwin"]),
        _ORIGIN,
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


def _cannot(spec: ModelSpec, slices: dict[str, Any]) -> str:
    """Return the first paragraph."""
    forehead, ear = (slices[f"drawn {place}"]["incorrect_mask"]["recall"] for place in ("forehead", "one ear"))
    return _CANNOT.format(size=spec.input.shape[1], face_px=spec.thresholds["face_px"], forehead=forehead, ear=ear)


def _toned(slices: dict[str, Any]) -> str:
    """Return what the slices by skin say, in words."""
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
    return "The detector is that of the profile `quality` where the source says no other.\n\n" + _table(
        ["source", "colours", "faces", *heads], rows
    )


def _share(figure: dict[str, Any]) -> str:
    return f"{figure['value']:.3f} ({figure['low']:.2f}-{figure['high']:.2f})"


def _confusion(counts: dict[str, dict[str, int]]) -> str:
    said = list(counts[LABELS[0]])
    rows = [[truth, *(str(counts[truth][verdict]) for verdict in said)] for truth in LABELS[:2]]
    return (
        "Confusion on `scenes_macwinwin` (which has no label for masks worn wrongly: some of them are):\n\n"
        + _table(["", *said], rows)
    )


def _third(counts: dict[str, int]) -> str:
    n = sum(counts.values())
    listed = ", ".join(f"{verdict} {count} ({100 * count / n:.0f} %)" for verdict, count in counts.items())
    return (
        f"`crops_incorrect_devtest`, the largest face of each of {n} pictures labelled incorrect (about a fifth look "
        f"properly covered):\n{listed}.\n"
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
        f"the answer is `unsure`: on the left-out sources {100 * covered:.1f} % of the faces are judged, with "
        f"{100 * error:.1f} % errors instead of {100 * left_out['coverage'][0][2]:.1f} %.\n\n"
        "![reliability](reliability.png) ![coverage](coverage.png)\n"
    )


def _quantised(sources: dict[str, Any]) -> str:
    return _table(
        ["source", "faces", "int8", "float", "same answer"],
        [
            [name, str(f["n"]), f"{f['int8']:.4f}", f"{f['float']:.4f}", f"{f['agree']:.4f}"]
            for name, f in sources.items()
        ],
    )


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
