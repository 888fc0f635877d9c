"""The page of `maskwatch detect --summary`: one HTML file with plots and lists of files, and without any image."""

from __future__ import annotations

import os
from contextlib import contextmanager
from importlib import resources
from string import Template
from typing import TYPE_CHECKING
from urllib.parse import quote

from edge import __version__
from edge.batch.outputs import whole_file
from edge.batch.page_parts import Content, element, stacked_bars, table, to_html
from edge.batch.remote import is_address
from edge.batch.tally import LABELS, LONGEST_LIST, MOST_VIDEOS, Tally
from edge.redaction import file_address
from edge.settings.redact import redacted_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from edge.batch.page_parts import Element
    from edge.batch.tally import Doubt, Found, Histogram, Timeline
    from edge.settings.load import Loaded
    from edge.tflite import ModelSpec

_NAMES = {"with_mask": "Mask", "without_mask": "No mask", "incorrect_mask": "Worn wrongly", "unsure": "Unsure"}


@contextmanager
def summary_tally(
    page: Path | None, every_s: float, loaded: Loaded, models: Mapping[str, ModelSpec]
) -> Iterator[Tally | None]:
    """Give what takes rows and bad inputs; at the end the page is written, after an error nothing.

    every_s: time between two classified frames of a video, 0: all frames.

    Raises:
        OutputError: the page cannot be written.
    """
    with whole_file(page) as file:
        if page is None or file is None:
            yield None
            return
        tally = Tally(every_s)
        yield tally
        tally.close()
        file.write(summary_page(tally, page, loaded, models))


def summary_page(tally: Tally, page: Path, loaded: Loaded, models: Mapping[str, ModelSpec]) -> str:
    """Return the page about all rows and bad inputs of a batch; `page` is where it will be, for its links."""
    sections = [_result(tally), *_plots(tally), *_lists(tally, page.absolute().parent), _in_force(loaded, models)]
    template = (resources.files("edge.batch") / "pages/summary.html").read_text("utf-8")
    return Template(template).substitute(
        style=(resources.files("edge.show.page") / "static/style.css").read_text("utf-8"),
        icon=(resources.files("edge.show.page") / "static/icon.svg").read_text("utf-8"),
        title=_title(tally),
        sections="\n".join(map(to_html, sections)),
        version=__version__,
    )


def _title(tally: Tally) -> str:
    counts = {"image": tally.images, "video": tally.videos}
    return " and ".join(_number(count, what) for what, count in counts.items() if count) or "No image and no video"


def _number(count: int, what: str) -> str:
    return f"{_digits(count)} {what}{'' if count == 1 else 's'}"


def _digits(count: int) -> str:
    return f"{count:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def _section(name: str, *content: Content, title: str, wide: bool = True) -> Element:
    heading = element("h2", title, id=f"{name}-title")
    width = "card" if wide else "card half"
    return element("section", heading, *content, class_=width, aria_labelledby=f"{name}-title")


def _result(tally: Tally) -> Element:
    counts = [
        ("Images", _digits(tally.images)),
        ("Videos", _digits(tally.videos) + (f", {_number(tally.frames, 'frame')}" if tally.videos else "")),
        ("Faces", _digits(tally.faces)),
        ("Bad inputs", _digits(tally.bad)),
    ]
    legend = element("ul", *map(_legend_item, LABELS, (tally.people[label] for label in LABELS)), class_="legend")
    note = "A face of an image and a tracked person of a video count once each, by label."
    return _section("result", legend, element("p", note, class_="quiet"), _definitions(counts), title="People")


def _legend_item(label: str, count: int) -> Element:
    swatch = element("span", class_=f"swatch {label}")
    return element("li", swatch, f"{_NAMES[label]} ", element("strong", _digits(count)))


def _definitions(pairs: Sequence[tuple[str, Content]]) -> Element:
    return element("dl", *(part for name, value in pairs for part in (element("dt", name), element("dd", value))))


def _plots(tally: Tally) -> Iterator[Element]:
    if tally.images + tally.videos > 1:
        yield _section("files", *_by_file(tally.by_file, tally.images + tally.videos), title="Labels by file")
    if videos := tally.over_time.entries():
        figures = [part for video in videos for part in _over_time(video.source, video.timeline)]
        more = tally.videos - len(videos)
        cut = [f"The {MOST_VIDEOS} videos with the most faces without a full mask; {_digits(more)} more are not drawn."]
        note = element("p", *(cut if more else ["People in view, on average."]), class_="quiet")
        yield _section("time", note, *figures, title="Labels over time")
    if tally.faces:
        edges = [f"{edge:.2f}" for edge in tally.confidence.edges[::2]]
        yield _section("confidence", *_histogram(tally.confidence, edges, "confidence"), title="Confidence", wide=False)
        heights = ["0", *(f"{edge:g}" for edge in tally.height_px.edges[1:-1]), "px"]
        yield _section("size", *_histogram(tally.height_px, heights, "px"), title="Height of faces", wide=False)


def _by_file(files: Timeline, number: int) -> Iterator[Element]:
    sums = files.sums()
    step = int(files.step)
    marks = min(number, 5)
    ends = [str(1 + k * (number - 1) // (marks - 1)) for k in range(marks)]
    per = f"bars of {step} files" if step > 1 else "a bar per file"
    yield element("p", f"Files in order, {per}.", class_="quiet")
    yield stacked_bars(sums, ends, f"People by label in the files in order, {per}. The table below has the numbers.")
    rows = [
        (f"{k * step + 1} to {min((k + 1) * step, number)}" if step > 1 else str(k + 1), _cells(sums, k))
        for k in range(files.used)
    ]
    yield _as_table("People by label and file", "Files", rows)


def _over_time(source: str, timeline: Timeline) -> Iterator[Element]:
    means, end_s = timeline.means(), timeline.used * timeline.step
    times = [_time(end_s * k / 4) for k in range(5)]
    yield element("h3", _shown(source))
    yield stacked_bars(
        means, times, f"People in view by label over the time of {_shown(source)}. The table below has the numbers."
    )
    rows = [(_time(k * timeline.step), _cells(means, k)) for k in range(timeline.used)]
    yield _as_table(f"People in view over the time of {_shown(source)}", "From", rows)


def _histogram(found: Histogram, labels: Sequence[str], unit: str) -> Iterator[Element]:
    yield stacked_bars(found.counts, labels, f"Faces by {unit} and label. The table below has the numbers.")
    bins = zip(found.edges[:-1], found.edges[1:], strict=True)
    rows = [
        (f"{low:g} to {high:g}" if high < float("inf") else f"{low:g} and more", _cells(found.counts, k))
        for k, (low, high) in enumerate(bins)
    ]
    yield _as_table(f"Faces by {unit} and label", unit.capitalize() if unit != "px" else "px", rows)


def _cells(bars: Mapping[str, Sequence[float]], place: int) -> list[str]:
    return [f"{round(bars[label][place], 2):g}" for label in LABELS]


def _as_table(caption: str, first: str, rows: Sequence[tuple[str, list[str]]]) -> Element:
    made = table(caption, [first, *_NAMES.values()], [(name, *cells) for name, cells in rows])
    return element("details", element("summary", "Show as a table"), made)


def _lists(tally: Tally, folder: Path) -> Iterator[Element]:
    if least := tally.least_sure.entries():
        yield _least_sure(least, folder)
    if doubts := tally.doubtful.entries():
        yield _most_doubtful(doubts, folder)
    if tally.bad:
        items = [element("li", _plain(reason)) for reason in tally.reasons]
        more = [element("li", f"{_digits(tally.bad - len(items))} more")] if tally.bad > len(items) else []
        yield _section("bad", element("ul", *items, *more, class_="problems"), title="Bad inputs")


def _least_sure(least: Sequence[Found], folder: Path) -> Element:
    rows = [
        (
            _link(found.source, folder),
            _NAMES[found.label],
            f"{found.confidence:.2f}",
            "" if found.t_s is None else _time(found.t_s),
        )
        for found in least
    ]
    note = f"Of each file the face that the model is least sure of; at most {LONGEST_LIST} files."
    listed = table("Least sure faces without a full mask", ["File", "Label", "Confidence", "At"], rows)
    title = "Least sure: no mask, or worn wrongly"
    return _section("least", element("p", note, class_="quiet"), listed, title=title)


def _most_doubtful(doubts: Sequence[Doubt], folder: Path) -> Element:
    rows = [(_link(doubt.source, folder), str(doubt.unsure), str(doubt.people)) for doubt in doubts]
    note = f"Too small, dark, blurred or turned, or no label is probable enough; at most {LONGEST_LIST} files."
    listed = table("Files with unsure people", ["File", "Unsure", "People"], rows)
    return _section("doubt", element("p", note, class_="quiet"), listed, title="Most doubtful")


def _in_force(loaded: Loaded, models: Mapping[str, ModelSpec]) -> Element:
    values = redacted_settings(loaded.settings)
    pairs: list[tuple[str, Content]] = [("Version", f"maskwatch {__version__}")]
    for kind, spec in models.items():
        pairs.append((f"Model ({kind})", f"{spec.name} {spec.version}, sha256 {spec.sha256}"))
    for key, origin in loaded.origins.items():
        section, _, name = key.partition(".")
        if origin != "default.toml":
            pairs.append((key, element("code", f"{values[section][name]}")))
    note = "Settings that are not listed have their defaults."
    return _section("force", _definitions(pairs), element("p", note, class_="quiet"), title="Models and settings")


def _link(source: str, folder: Path) -> Content:
    """Return a link to a file, relative to the page's folder, so that both can be moved; an address has no secret."""
    shown = _shown(source)
    if is_address(source):
        return element("a", shown, href=file_address(source))
    return element("a", shown, href=quote(os.fsencode(os.path.relpath(source, folder))))


def _shown(source: str) -> str:
    return _plain(file_address(source) if is_address(source) else source)


def _plain(text: str) -> str:
    """Return a text without what a page cannot show: control characters, and bytes that are not valid UTF-8."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _time(seconds: float) -> str:
    if seconds < 59.95:
        return f"{round(seconds, 1):g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
