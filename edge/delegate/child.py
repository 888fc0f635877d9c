"""The process in which a delegate is tried: it reports each step as a line of JSON, and may hang or crash.

Its argument is JSON: {"library", "options", "folders", "threads"}.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from edge.delegate import Delegate, golden, load
from edge.tflite import Model

if TYPE_CHECKING:
    from edge.data import Floats


def main() -> None:
    """Try the delegate on each model; the last line is {"problem": TEXT}, empty if it works."""
    answers = _private_output()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash is an answer here, and a core fills the card
    asked = json.loads(sys.argv[1])
    delegate = Delegate(asked["library"], asked["options"])
    on_cpu = {folder: _outputs(Model(Path(folder), threads=asked["threads"])) for folder in asked["folders"]}
    _write(answers, ready=True)
    try:
        problem = next(filter(None, (_fault(answers, delegate, folder, asked, on_cpu) for folder in on_cpu)), "")
    except (OSError, AttributeError, ValueError, RuntimeError) as error:
        problem = " ".join(str(error).split()) or type(error).__name__
    _write(answers, problem=problem)
    os._exit(0)  # the answer is known: what a library does at its end must not change it


def _fault(
    answers: TextIO, delegate: Delegate, folder: str, asked: dict[str, Any], on_cpu: dict[str, list[list[Floats]]]
) -> str:
    """Return how a model with the delegate differs from one without."""
    name = Path(folder).name
    _write(answers, step=f"loading the model {name}")
    model = Model(Path(folder), threads=asked["threads"], delegate=load(delegate))
    _write(answers, step=f"running the model {name}")
    off = golden.difference(on_cpu[folder], _outputs(model))
    return f"the model {name} gives wrong results: {off}" if off else ""


def _outputs(model: Model) -> list[list[Floats]]:
    return [model.run(image) for image in golden.inputs(model.size_px)]


def _private_output() -> TextIO:
    """Return what was standard output, and send what native code prints there to standard error."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    return answers


def _write(answers: TextIO, **answer: object) -> None:
    answers.write(f"{json.dumps(answer)}\n")
    answers.flush()


if __name__ == "__main__":
    main()
