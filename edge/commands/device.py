"""Commands on the device itself: check."""

from __future__ import annotations

import typer
from rich.console import Console
from rich.table import Table

from edge.commands.options import Config, Env, Set, load_settings
from edge.settings import Environment

app = typer.Typer()


@app.command(epilog="Examples: `maskwatch check` · `maskwatch check --env production`")
def check(env: Env = Environment.DEVELOPMENT, config: Config = None, overrides: Set = None) -> None:
    """Print every setting and where it came from; open nothing."""
    loaded = load_settings(env, config, overrides)
    table = Table("setting", "value", "from")
    for section, content in loaded.settings.model_dump().items():
        for name, value in content.items():
            key = f"{section}.{name}"
            table.add_row(key, str(value), loaded.origins[key])
    Console().print(table)
