"""Prints what the demo produced, each with the SQL that an analyst would write for it."""

import os
import sys
from typing import Any

from psycopg.conninfo import conninfo_to_dict, make_conninfo
from rich.console import Console
from rich.table import Table

from nightjar import registry
from nightjar.demo.progress import Progress
from nightjar.registry import Alias
from nightjar.storage import Database, Role
from nightjar.storage.embedded import binary
from nightjar.storage.named_sql import load_sql
from nightjar.usecases import declared_use_cases

_TITLES = {
    "freshness": "Prediction tables: which night they show, and how many rows",
    "nights": "The log of nights",
    "recommendations": "Three households' recommendations",
    "segments": "Segments: size and what characterises them",
    "churn": "The ten highest churn risks",
    "forecast": "The five highest spend forecasts",
    "coupons": "The five likeliest to redeem a coupon",
}


def print_results(databases: dict[str, Database], progress: Progress) -> None:
    """Print models, predictions and times."""
    console = Console(width=None if sys.stdout.isatty() else 160)
    _print_champions(console, databases["prod"])
    blocks = load_sql("nightjar.demo", "results.sql")
    with databases["prod"].connect(Role.ANALYST) as connection:
        for name, title in _TITLES.items():
            rows = connection.execute(blocks[name]).fetchall()
            console.rule(f"[bold]{title}", align="left")
            console.print(blocks[name], style="dim", markup=False, highlight=False)
            console.print(_table(rows))
    console.rule("[bold]How long each stage took", align="left")
    console.print(_table([{"stage": name, "seconds": f"{seconds:.1f}"} for name, seconds in progress.stages]))
    console.print(f"In all: {progress.elapsed:.0f} s")
    prod = databases["prod"]
    psql = os.path.relpath(binary("psql"))
    console.print(f"\nAsk as an analyst:\n  {psql} '{_analyst_conninfo(prod)}'", soft_wrap=True, highlight=False)


def _print_champions(console: Console, database: Database) -> None:
    rows = []
    with database.connect(Role.SCORER) as connection:
        for name in sorted(declared_use_cases()):
            champion = registry.aliased_model(connection, name, Alias.CHAMPION)
            if champion is not None:
                scores = ", ".join(f"{metric} {value:.4f}" for metric, value in sorted(champion.test_scores.items()))
                rows.append(
                    {"use case": name, "champion": str(champion.name), "algorithm": champion.algorithm,
                     "test scores": scores}
                )  # fmt: skip
    console.rule("[bold]Champions in production", align="left")
    console.print(_table(rows))


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in rows[0] if rows else []:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    return table


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    return "" if value is None else str(value)


def _analyst_conninfo(database: Database) -> str:
    parts = conninfo_to_dict(database.conninfo)
    return make_conninfo(host=str(parts.get("host")), dbname=str(parts.get("dbname")), user=Role.ANALYST.value)
