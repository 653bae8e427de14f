"""Campaigns on the nights of a small shop."""

import csv
from pathlib import Path
from typing import Any

from nightjar.campaigns import Campaign, Decile, ListFile, ListTable, export_campaign
from nightjar.storage import Database
from nightjar.usecases import Kind, UseCase
from tests.night_builders import open_shop, published_night, register_model, rows, shop_use_case

RISK = shop_use_case(Kind.CLASSIFICATION, name="risk")
SEGMENTS = shop_use_case(Kind.SEGMENTATION, name="segments")


def night_of(database: Database, *use_cases: UseCase) -> None:
    """Publish a night of each use case."""
    open_shop(database)
    for use_case in use_cases:
        register_model(database, use_case)
        published_night(database, use_case)


def exported(
    database: Database, use_case: UseCase, target: Path | str, name: str = "spring", **options: Any
) -> Campaign:
    """Export to a file or a table."""
    place = ListTable(database, target) if isinstance(target, str) else ListFile(target)
    selection = options.pop("selection", Decile(1))
    arguments: dict[str, Any] = {"hold_out": 0.34, "actor": "ada"} | options
    return export_campaign(database, use_case, name, selection, place, **arguments)


def arms(database: Database, name: str = "spring") -> dict[str, set[tuple[str, ...]]]:
    found = rows(
        database,
        "SELECT arm, entity FROM nightjar.campaign_entity e JOIN nightjar.campaign c ON c.id = campaign_id"
        " WHERE name = %s",
        [name],
    )
    return {arm: {tuple(row["entity"]) for row in found if row["arm"] == arm} for arm in ("treated", "hold-out")}


def listed(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
