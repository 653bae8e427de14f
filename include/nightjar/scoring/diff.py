"""What changed between two nights, and why: new data, another model, or other code."""

from dataclasses import asdict, dataclass
from typing import Any

from psycopg import sql

from nightjar import registry
from nightjar.errors import DiffError, NoPublishedNightError
from nightjar.registry import ModelName
from nightjar.registry.environment import code_version
from nightjar.scoring.changes import THRESHOLDS, change, compared_value
from nightjar.scoring.commits import Commit, find_commit
from nightjar.scoring.prediction_tables import store_table
from nightjar.scoring.rescore import RESCORED, open_rescored, rescore, stage_inputs
from nightjar.scoring.row_numbers import key_columns
from nightjar.scoring.stored import require_predictions
from nightjar.storage import Database, Role
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql
from nightjar.usecases import UseCase

_SQL = load_sql("nightjar.scoring", "diff.sql")
# What rescored dates are kept under.
_NEW_CODE, _NEW_INPUTS, _NEW_MODEL = 1, 2, 3


@dataclass(frozen=True)
class Share:
    """What one cause changed: how many entities, by how much in the mean, and in the mean of the sizes."""

    entities: int
    mean: float
    mean_size: float


@dataclass(frozen=True)
class NightDiff:
    """The difference of two nights.

    both, gone, new: entities of both nights, of the first only, of the second only.
    total: what changed for those of both; data, model and rest add up to it where predictions are numbers. Of segments,
    classes and recommendations a change is the share that is another: 0 or 1, of recommendations between them.
    rest: other code, where `same_code` is false; else source rows that changed since the nights were scored.
    movers: the largest changes, with the entity's key.
    """

    before: Commit
    after: Commit
    same_model: bool
    same_code: bool
    both: int
    gone: int
    new: int
    total: Share
    data: Share
    model: Share
    rest: Share
    movers: tuple[dict[str, Any], ...]

    def as_json(self) -> dict[str, Any]:
        """Return the documented JSON form."""
        return asdict(self) | {"before": self.before.as_json(), "after": self.after.as_json()}


def diff_nights(
    database: Database, use_case: UseCase, *, before: int | None = None, after: int | None = None, top: int = 10
) -> NightDiff:
    """Compare two published nights; the second's inputs are scored again with the model of the first.

    Args:
        database: where they were published.
        use_case: whose nights they are.
        before: id of the first commit; by default the published night before the second.
        after: id of the second commit; by default the newest published night.
        top: how many of the largest changes are told.

    Raises:
        NoPublishedNightError: there are not two of them.
        DiffError: one is another use case's, is not published, or both are the same.
        ForgottenNightError: the predictions of one are not kept any more.
        SignatureError: features.sql does not give what one of the models reads any more.
        ScoringError: features.sql fails.
    """
    with database.connect(Role.SCORER) as connection:
        first, second = _nights(connection, use_case, before, after)
        counts = connection.execute(
            sql.SQL(_SQL["counts"]).format(**_names(use_case), **_ids(first, second))
        ).fetchone()
        assert counts is not None
        same_code = _code_versions(connection, first, second) == {code_version()}
        _rescore(connection, use_case, first, second, same_code=same_code)
        summary, movers = _compare(connection, use_case, first, second, top)
    return NightDiff(
        before=first,
        after=second,
        same_model=first.model == second.model,
        same_code=same_code,
        **counts,
        total=_share(summary, "total"),
        data=_share(summary, "data"),
        model=_share(summary, "model"),
        rest=_share(summary, "rest"),
        movers=tuple(movers),
    )


def _share(summary: dict[str, Any], cause: str) -> Share:
    return Share(summary[f"{cause}_entities"], summary[f"{cause}_mean"] or 0.0, summary[f"{cause}_size"] or 0.0)


def _nights(connection: Connection, use_case: UseCase, before: int | None, after: int | None) -> tuple[Commit, Commit]:
    ids = [row["id"] for row in connection.execute(_SQL["published_nights"], [use_case.name])]
    second = after if after is not None else next(iter(ids), None)
    first = before if before is not None else next(iter(ids[ids.index(second) + 1 :] if second in ids else []), None)
    if first is None or second is None:
        raise NoPublishedNightError(
            f"{use_case.name} has {len(ids)} published nights, two are compared: score another one, or name two with "
            "--from and --to."
        )
    nights = find_commit(connection, first), find_commit(connection, second)
    if first == second:
        raise DiffError(f"Commit {first} is compared with itself: name another one, see 'nightjar predictions log'.")
    for night in nights:
        _require_comparable(connection, use_case, night)
    return nights


def _require_comparable(connection: Connection, use_case: UseCase, night: Commit) -> None:
    if night.use_case != use_case.name:
        raise DiffError(f"Commit {night.id} is one of {night.use_case}, not of {use_case.name}.")
    require_predictions(connection, use_case, night, "compare later nights")
    if night.state == "open":
        raise DiffError(f"Commit {night.id} of {use_case.name} is still being scored: compare it when it is out.")


def _code_versions(connection: Connection, *nights: Commit) -> set[str]:
    found = connection.execute(
        "SELECT DISTINCT code_version FROM nightjar.commit WHERE id = ANY(%s)", [[night.id for night in nights]]
    )
    return {row["code_version"] for row in found}


def _rescore(connection: Connection, use_case: UseCase, first: Commit, second: Commit, *, same_code: bool) -> None:
    """Score the steps between the two nights: with today's code, then the new inputs, then the new model."""
    old, new = (registry.find_model(connection, ModelName.parse(night.model)) for night in (first, second))
    open_rescored(connection, use_case)
    if not same_code:
        stage_inputs(connection, use_case, first.as_of)
        rescore(connection, use_case, old, _NEW_CODE)
    stage_inputs(connection, use_case, second.as_of)
    rescore(connection, use_case, old, _NEW_INPUTS)
    if old.name != new.name:
        rescore(connection, use_case, new, _NEW_MODEL)


def _compare(
    connection: Connection, use_case: UseCase, first: Commit, second: Commit, top: int
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    names, threshold = _names(use_case), sql.Literal(THRESHOLDS[use_case.kind])
    new_model = _NEW_INPUTS if first.model == second.model else _NEW_MODEL
    connection.execute(
        sql.SQL(_SQL["steps"]).format(
            **names,
            **_ids(first, second),
            value=compared_value(use_case),
            rescored=RESCORED,
            new_code=sql.Literal(_NEW_CODE),
            new_inputs=sql.Literal(_NEW_INPUTS),
            new_model=sql.Literal(new_model),
        )
    )
    connection.execute(
        sql.SQL(_SQL["changes"]).format(
            **names,
            total=change(use_case, "before", "after"),
            data=change(use_case, "new_code", "new_inputs"),
            model=change(use_case, "new_inputs", "new_model"),
            first_rest=change(use_case, "before", "new_code"),
            last_rest=change(use_case, "new_model", "after"),
        )
    )
    summary = connection.execute(sql.SQL(_SQL["summary"]).format(threshold=threshold)).fetchone()
    assert summary is not None
    movers = connection.execute(
        sql.SQL(_SQL["movers"]).format(**names, threshold=threshold, limit=sql.Literal(top))
    ).fetchall()
    return summary, movers


def _names(use_case: UseCase) -> dict[str, sql.Composable]:
    return {"keys": key_columns(use_case.entity_key), "predictions": store_table(use_case)}


def _ids(first: Commit, second: Commit) -> dict[str, sql.Composable]:
    return {"before": sql.Literal(first.id), "after": sql.Literal(second.id)}
