"""Every package and model that is installed on a device has a licence from the list of allowed ones."""

from __future__ import annotations

from pathlib import Path

from tests.release.sbom import Bill, bill
from tests.release.step import Failed

ALLOWED = frozenset(
    {"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "HPND", "ISC", "MIT", "MIT-0", "MIT-CMU", "MPL-2.0", "PSF-2.0"}
)
"""By SPDX's identifiers. MPL-2.0 covers only its own files, which are passed on as they are."""
STATED = {
    "3-Clause BSD License": "BSD-3-Clause",
    "License :: OSI Approved :: Apache Software License": "Apache-2.0",
    "License :: OSI Approved :: BSD License": "BSD-3-Clause",
    "License :: OSI Approved :: MIT License": "MIT",
}
"""What packages state in words or by classifiers."""


def check(root: Path) -> str:
    """Return how many components there are with an allowed licence."""
    components = bill(root)["components"]
    wrong = [sentence for component in components if (sentence := fault(component))]
    if wrong:
        raise Failed(f"{len(wrong)} of {len(components)} components without an allowed licence", "\n".join(wrong))
    return f"{len(components)} components, each with an allowed licence"


def fault(component: Bill) -> str:
    """Return what is wrong with the licence of a component, empty if nothing is."""
    name = f"{component['name']} {component['version']}"
    stated = [licence(entry) for entry in component.get("licenses", [])]
    if not stated:
        return f"{name} states no licence"
    refused = [expression for expression in stated if not allowed(expression)]
    return f"{name} is under {', '.join(refused)}, which is not allowed" if refused else ""


def licence(entry: dict[str, object]) -> str:
    """Return what one entry of a component states, as an SPDX expression where it can be."""
    if "expression" in entry:
        return str(entry["expression"])
    found = entry["license"]
    assert isinstance(found, dict)
    return str(found.get("id") or STATED.get(found["name"], found["name"]))


def allowed(expression: str) -> bool:
    """Return whether an SPDX expression leaves a choice of licences that are all allowed."""
    from license_expression import ExpressionError, get_spdx_licensing

    licensing = get_spdx_licensing()
    try:
        tree = licensing.parse(expression, validate=True)
    except ExpressionError:
        return False
    known = {symbol: licensing.TRUE if str(symbol) in ALLOWED else licensing.FALSE for symbol in tree.symbols}
    return bool(tree.subs(known).simplify() == licensing.TRUE)
