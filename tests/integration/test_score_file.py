"""Files score as nights do: the same rows, out of the database, give the same predictions bit by bit."""

from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from nightjar import transfer
from nightjar.errors import RejectedRowsError, TargetTableError
from nightjar.registry import ModelRecord, Predictor
from nightjar.scoring import score_night
from nightjar.scoring.engines import Engine, engine_of, load_engine
from nightjar.scoring.files import FileTarget, TableTarget, score_file
from nightjar.storage import Database, Role
from nightjar.storage.parameters import bind
from nightjar.usecases import Kind, UseCase
from nightjar.usecases.declaration import Scoring
from tests.commands import CommandLine
from tests.declared_shop import write_declaration
from tests.file_builders import read_csv
from tests.night_builders import CUSTOMERS, FEATURES_SQL, NIGHT, open_shop, register_model, shop_use_case, shown
from tests.transfer_builders import export, key_file

WHOLE = Scoring(shard_rows=10_000)
# Beside the usual ones a date, a moment, a yes or no, and gaps in each.
FEATURES = FEATURES_SQL.replace(
    "\nFROM",
    ", CASE WHEN customer_id % 7 > 0 THEN max(ordered_on) END AS last_day, "
    "max(ordered_on) + customer_id * '1.234567 hours'::interval AS moment, "
    "CASE customer_id % 3 WHEN 0 THEN true WHEN 1 THEN false END AS odd, avg(amount) / 3 AS mean\nFROM",
)
OUTPUTS = {
    Kind.CLASSIFICATION: ("customer_id", "probability"),
    Kind.REGRESSION: ("customer_id", "prediction"),
    Kind.SEGMENTATION: ("customer_id", "segment_id", "segment", "distance"),
    Kind.RECOMMENDER: ("customer_id", "product_id", "rank", "score"),
}


@pytest.fixture(autouse=True)
def _shop(prod_database: Database) -> None:
    open_shop(prod_database)


def use_case_of(kind: Kind) -> UseCase:
    features = {} if kind is Kind.RECOMMENDER else {"features_sql": FEATURES}
    return shop_use_case(kind, scoring=WHOLE, **features)


def export_rows(database: Database, use_case: UseCase, path: Path) -> Path:
    """Write the features as of NIGHT as a file, by Postgres itself."""
    query = sql.SQL("COPY (SELECT * FROM ({}) f ORDER BY {}) TO STDOUT (FORMAT csv, HEADER)").format(
        bind(use_case.features_sql, {"as_of": NIGHT}), sql.SQL(", ").join(map(sql.Identifier, use_case.row_key))
    )
    with database.connect(Role.SCORER) as connection, connection.cursor().copy(query) as copy:
        path.write_bytes(b"".join(bytes(part) for part in copy))
    return path


def load(database: Database, model: ModelRecord) -> Predictor:
    with database.connect(Role.SCORER) as connection:
        return load_engine(connection, model, engine_of(connection, model))


def choose(database: Database, model: ModelRecord, engine: Engine) -> None:
    """Have a form of the model score, however fast the others are."""
    with database.connect(Role.OWNER) as connection:
        connection.execute(
            "INSERT INTO nightjar.scoring_engine (model_id, engine, seconds) VALUES (%s, %s, '{}')",
            [model.id, engine.value],
        )


def numbers(found: list[tuple[Any, ...]]) -> list[float]:
    return [value for row in found for value in row if isinstance(value, float)]


def without_numbers(found: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [tuple(value for value in row if not isinstance(value, float)) for row in found]


def segments(database: Database) -> list[Any]:
    with database.connect() as connection:
        return connection.execute("SELECT * FROM shop.segments").fetchall()


def typed(kind: Kind, path: Path) -> list[tuple[Any, ...]]:
    types = {"probability": float, "prediction": float, "distance": float, "score": float, "segment": str}
    found = read_csv(path)
    assert tuple(found[0]) == OUTPUTS[kind]
    return [tuple(types.get(name, int)(value) for name, value in row.items()) for row in found]


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("engine", [Engine.SERVING, Engine.FULL])
def test_file_gives_what_the_night_gives(prod_database: Database, tmp_path: Path, kind: Kind, engine: Engine) -> None:
    use_case = use_case_of(kind)
    model = register_model(prod_database, use_case, serving=True)
    choose(prod_database, model, engine)
    score_night(prod_database, use_case, NIGHT)
    night = sorted(tuple(row[name] for name in OUTPUTS[kind]) for row in shown(prod_database, use_case))
    source, target = export_rows(prod_database, use_case, tmp_path / "rows.csv"), tmp_path / "scores.csv"

    scores = score_file(use_case, load(prod_database, model), source, FileTarget(target))

    found = sorted(typed(kind, target))
    if engine is Engine.FULL or kind is Kind.SEGMENTATION:
        # Sums of products and powers differ in their last bits with the number of rows computed at a time.
        assert numbers(found) == pytest.approx(numbers(night), rel=1e-12)
        found, night = without_numbers(found), without_numbers(night)
    assert found == night
    assert (scores.rejected, scores.written) == (0, len(night))


def test_rows_of_an_entity_are_ranked_together_or_rejected(prod_database: Database, tmp_path: Path) -> None:
    use_case = use_case_of(Kind.RECOMMENDER)
    predictor = load(prod_database, register_model(prod_database, use_case))
    source, target, rejects = (tmp_path / f"{name}.csv" for name in ("rows", "scores", "rejects"))
    header, *lines = export_rows(prod_database, use_case, source).read_text().splitlines()
    of_five = [line for line in lines if line.startswith("5,")]
    # A candidate of the first customer comes twice, and one of the fifth stands at the end, apart from the others.
    moved = [lines[0], *(line for line in lines if line != of_five[0]), of_five[0]]
    source.write_text("\n".join([header, *moved]))

    scores = score_file(use_case, predictor, source, FileTarget(target), rejects=rejects, maximum_rejected=0.1)

    first_item, fifth_item = (line.split(",")[1] for line in (lines[0], of_five[0]))
    assert [(row["line"], row["reason"]) for row in read_csv(rejects)] == [
        ("3", f"customer_id 1, product_id {first_item} was on an earlier line"),
        (str(len(moved) + 1), "customer_id 5 has rows further up, apart from this one: sort the file by it"),
    ]
    assert (scores.read, scores.rejected) == (len(lines) + 1, 2)
    assert fifth_item not in {row["product_id"] for row in read_csv(target) if row["customer_id"] == "5"}
    assert {row["customer_id"] for row in read_csv(target)} == {str(number) for number in range(1, CUSTOMERS + 1)}


def test_table_is_made_added_to_and_left_alone_by_what_is_refused(prod_database: Database, tmp_path: Path) -> None:
    use_case = use_case_of(Kind.SEGMENTATION)
    model = register_model(prod_database, use_case)
    score_night(prod_database, use_case, NIGHT)
    source, predictor = export_rows(prod_database, use_case, tmp_path / "rows.csv"), load(prod_database, model)
    target = TableTarget(prod_database, "shop.segments")

    for _ in range(2):
        score_file(use_case, predictor, source, target)

    night = [tuple(row[name] for name in OUTPUTS[use_case.kind]) for row in shown(prod_database, use_case)]
    found, expected = sorted(tuple(row.values()) for row in segments(prod_database)), sorted(night * 2)
    # Powers differ in their last bits with the number of rows computed at a time.
    assert numbers(found) == pytest.approx(numbers(expected), rel=1e-12)
    assert without_numbers(found) == without_numbers(expected)

    spoilt = tmp_path / "spoilt.csv"
    spoilt.write_text(source.read_text().replace("\n5,", "\n,"))
    with pytest.raises(RejectedRowsError, match=r"the first is line 6: customer_id is empty"):
        score_file(use_case, predictor, spoilt, target)
    for name, reason in {
        "shop.orders": "has the columns order_id int8, .*, the scores have customer_id int4, segment_id int4, segm",
        "nowhere.segments": 'takes no rows .schema "nowhere" does not exist',
        "predictions.mine": "is no table to write to: name one of your own",
        "segments": "is no table to write to",
    }.items():
        with pytest.raises(TargetTableError, match=reason):
            score_file(use_case, predictor, source, TableTarget(prod_database, name))
    assert len(segments(prod_database)) == 2 * CUSTOMERS


def test_command_takes_a_model_of_the_database_or_of_a_bundle_alone(
    run: CommandLine, prod_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_case = use_case_of(Kind.CLASSIFICATION)
    write_declaration(tmp_path / "declared", use_case)
    monkeypatch.setenv("NIGHTJAR_USECASES", str(tmp_path / "declared"))
    model = register_model(prod_database, use_case, serving=True)
    choose(prod_database, model, Engine.SERVING)
    source = export_rows(prod_database, use_case, tmp_path / "rows.csv")
    with_database = ["score-file", use_case.name, "--from", str(source), "--to"]

    told = run(*with_database, str(tmp_path / "a.csv"), "--json").json
    assert told == {"model": str(model.name), "read": CUSTOMERS, "rejected": 0, "written": CUSTOMERS,
                    "to": str(tmp_path / "a.csv")}  # fmt: skip

    export(prod_database, model.name, tmp_path, "alone", mode=transfer.Mode.SERVING)
    for name in ("NIGHTJAR_DEV_URL", "NIGHTJAR_PROD_URL"):
        monkeypatch.delenv(name)
    trusted, bundle = str(key_file().with_suffix(".pub")), ["--bundle", str(tmp_path), "--name", "alone", "--trust"]
    assert run(*with_database, str(tmp_path / "b.csv"), *bundle, trusted, "--json").json["written"] == CUSTOMERS
    assert (tmp_path / "b.csv").read_bytes() == (tmp_path / "a.csv").read_bytes()

    other = tmp_path / "other.pem"
    transfer.make_key(other)
    refused = run(*with_database, str(tmp_path / "c.csv"), *bundle, str(other.with_suffix(".pub"))).refusal
    assert "It was signed with key" in refused
    altered = (tmp_path / "alone.dmp").read_bytes()
    (tmp_path / "alone.dmp").write_bytes(altered[:-1] + bytes([altered[-1] ^ 1]))
    refused = run(*with_database, str(tmp_path / "c.csv"), *bundle, trusted).refusal
    assert "was altered" in refused
    missing = ["--bundle", str(tmp_path), "--name", "none", "--trust", trusted]
    assert "There is no file" in run(*with_database, "c.csv", *missing).refusal
    assert run(*with_database, "c.csv", "--bundle", str(tmp_path)).code == 2
    assert run("score-file", use_case.name, "--from", str(source)).code == 2
    assert "give a share from 0 to 1" in run(*with_database, "c.csv", "--maximum-rejected", "7").refusal
    assert not (tmp_path / "c.csv").exists()
