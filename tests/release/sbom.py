"""The bill of materials of a device in CycloneDX: packages and models with version, hash and licence."""

from __future__ import annotations

import json
import sys
import tempfile
import tomllib
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from tests.release import cards
from tests.release.step import Failed, copy, run
from tests.release.wheel import OUTPUT, build

Bill = dict[str, Any]
SPEC = "1.6"


def check(root: Path) -> str:
    """Write build/release/sbom.cdx.json, checked against the schema of CycloneDX."""
    text = json.dumps(bill(root), indent=2)
    validate(text)
    path = root / OUTPUT / "sbom.cdx.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", "utf-8")
    kinds = [component["type"] for component in json.loads(text)["components"]]
    packages, networks = kinds.count("library"), kinds.count("machine-learning-model")
    return f"{OUTPUT}/{path.name}: {packages} packages, {networks} models, valid CycloneDX {SPEC}"


@cache
def bill(root: Path) -> Bill:
    """Return the bill of a new environment: the packages of the service's lock, the wheel, and its models."""
    with tempfile.TemporaryDirectory() as folder, copy(root, "clone") as clone:
        environment = Path(folder) / "product"
        epoch = run("git", "log", "-1", "--format=%ct", cwd=root).strip()
        run(sys.executable, "-m", "venv", "--without-pip", environment, cwd=root)
        pip = (
            sys.executable,
            "-m",
            "pip",
            "--python",
            environment,
            "install",
            "--quiet",
            "--disable-pip-version-check",
        )
        run(*pip, "--require-hashes", "--requirement", root / "systemd/requirements.lock", cwd=root)
        run(*pip, "--no-deps", "--no-index", build(clone, epoch), cwd=root)
        output = Path(folder) / "sbom.json"
        words = ("environment", "--sv", SPEC, "--output-reproducible", "--output-file", output)
        run(Path(sys.executable).parent / "cyclonedx-py", *words, environment, cwd=root, SOURCE_DATE_EPOCH=epoch)
        packages: Bill = json.loads(output.read_text())
        components = with_licences(packages["components"], environment)
    return {**packages, "components": [*components, *models(root / "models")]}


def with_licences(components: list[Bill], environment: Path) -> list[Bill]:
    """Return components; one without a licence gets the words of its metadata, which cyclonedx-py leaves out."""
    sites = [str(site) for site in environment.glob("lib/python*/site-packages")]
    words = {found.metadata["Name"]: found.metadata.get("License") for found in distributions(path=sites)}
    return [
        {**component, "licenses": [{"license": {"name": words[component["name"]]}}]}
        if words.get(component["name"]) and not component.get("licenses")
        else component
        for component in components
    ]


def models(folder: Path) -> list[Bill]:
    """Return the components that are models, as their cards and model.toml describe them."""
    found = []
    for file in cards.files(folder):
        spec = tomllib.loads((file.parent / "model.toml").read_text())
        found.append(
            {
                "type": "machine-learning-model",
                "bom-ref": f"model-{spec['name']}",
                "name": spec["name"],
                "version": spec["version"],
                "hashes": [{"alg": "SHA-256", "content": spec["sha256"]}],
                "licenses": [{"license": {"id": row["licence"]}} for row in cards.rows(file, folder)],
            }
        )
    return found


def validate(text: str) -> None:
    """Check a bill against the schema.

    Raises:
        Failed: it is not valid.
    """
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if error is not None:
        raise Failed(f"the bill is not valid CycloneDX {SPEC}", str(error))
