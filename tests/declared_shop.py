"""The shop's use cases as files, for commands that read declarations."""

from pathlib import Path

from nightjar.usecases import UseCase

DECLARATION = """
name = "{use_case.name}"
kind = "{use_case.kind}"
title = "Shop"
description = "Shop."
owner = "tests"
entity = {{ name = "customer_id", type = "integer" }}
{more}
[training]
metric = "{use_case.training.metric}"
candidates = [{{ estimator = "{use_case.training.candidates[0].estimator}" }}]
[promotion]
minimum_metric = 0
[schedule]
snapshot = "0 1 * * *"
score = "0 2 * * *"
first = 2024-01-01
[[sources]]
table = "shop.orders"
date_column = "ordered_on"
"""


def write_declaration(folder: Path, use_case: UseCase) -> None:
    """Write a use case over the shop as its files, in a folder of its own."""
    more = f"target = {{ column = '{use_case.target.column}', horizon_days = 3 }}\n" if use_case.target else ""
    if use_case.items:
        more += "items = { key = { name = 'product_id', type = 'integer' }, label = 'label', top = 3 }\n"
    if use_case.tenant:
        more += f"tenant = '{use_case.tenant}'\n"
    place = folder / use_case.name
    place.mkdir(parents=True)
    (place / "usecase.toml").write_text(DECLARATION.format(use_case=use_case, more=more))
    for name in ("features", "target", "items", "evidence", "outcome"):
        if text := getattr(use_case, f"{name}_sql"):
            (place / f"{name}.sql").write_text(text)
