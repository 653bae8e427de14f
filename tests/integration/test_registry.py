"""The model registry: what is registered comes back unchanged, is found by name and alias, and stays while needed."""

from dataclasses import asdict, replace
from datetime import UTC, datetime

import numpy as np
import psycopg
import pytest

from nightjar import registry
from nightjar.errors import ModelInUseError, ModelNotFoundError
from nightjar.registry import Alias, Decision, ModelName
from nightjar.registry.aliases import require_champion
from nightjar.registry.loading import load_predictor
from nightjar.registry.models import decisions_of, next_version, trials_of
from nightjar.storage import Database, Role
from nightjar.usecases import Kind
from tests.builders import TRIALS, count_rows, fit_model, register_model


def point(database: Database, alias: Alias, name: str, reason: str = "test", use_case: str = "churn_risk") -> bool:
    with database.connect(Role.DEPLOYER) as connection:
        model = registry.find_model(connection, ModelName.parse(name))
        return registry.move_alias(connection, use_case, alias, model, reason=reason, actor="ada")


def champion(database: Database) -> str:
    with database.connect(Role.SCORER) as connection:
        return str(require_champion(connection, "churn_risk", database.name).name)


def test_a_model_comes_back_as_it_was_registered(dev_database: Database) -> None:
    record, artifact = fit_model(dev_database)
    decision = Decision("churn_risk@1", "roc_auc", 0.9, 0.8, 0.05, None, True, ("good", "it's better"))
    with dev_database.connect(Role.TRAINER) as connection:
        model_id = registry.register(connection, record, artifact, TRIALS)
        registry.save_decision(connection, model_id, decision)
    with dev_database.connect(Role.SCORER) as connection:
        found = registry.find_model(connection, record.name)

        assert registry.read_artifact(connection, found.sha256) == artifact
        assert trials_of(connection, model_id) == list(TRIALS)
        assert decisions_of(connection, model_id) == [decision]
    assert (found.id, found.owner, found.aliases) == (model_id, "nightjar_trainer", ())
    assert found.created_at is not None
    assert abs((found.created_at - datetime.now(UTC)).total_seconds()) < 600
    assert asdict(replace(found, id=0, owner="", created_at=None)) == asdict(record)


@pytest.mark.parametrize("kind", list(Kind))
def test_a_registered_model_scores_as_the_fitted_one(dev_database: Database, kind: Kind) -> None:
    model = register_model(dev_database, kind)
    matrix = np.array([[3, 10.5, 0, 1, 17_200], [0, np.nan, -1, 0, 17_300], [6, 120.0, 1, np.nan, 17_400]])
    with dev_database.connect(Role.SCORER) as connection:
        predictor = load_predictor(connection, model)
        again = load_predictor(connection, registry.find_model(connection, model.name))
    outputs = predictor.predict(matrix)

    expected = {
        Kind.REGRESSION: {"prediction"},
        Kind.SEGMENTATION: {"segment_id", "distance"},
    }.get(kind, {"probability"})
    assert outputs.keys() == expected
    for name, values in outputs.items():
        assert values.shape == (3,)
        assert np.isfinite(values).all()
        assert np.array_equal(values, again.predict(matrix)[name])
    if kind is Kind.SEGMENTATION:
        assert set(outputs["segment_id"].tolist()) <= {1, 2, 3}
    assert count_rows(dev_database, "nightjar", "segment") == (3 if kind is Kind.SEGMENTATION else 0)


def test_versions_count_up_by_name(dev_database: Database) -> None:
    names = [str(register_model(dev_database, name=name).name) for name in ("churn_risk", "other", "churn_risk")]

    assert names == ["churn_risk@1", "other@1", "churn_risk@2"]
    with dev_database.connect(Role.TRAINER) as connection:
        assert next_version(connection, "churn_risk") == ModelName("churn_risk", 3)
        assert next_version(connection, "new") == ModelName("new", 1)


def test_a_taken_version_is_refused_and_the_first_one_stays(dev_database: Database) -> None:
    first = register_model(dev_database)
    other, artifact = fit_model(dev_database, seed=1)

    with pytest.raises(psycopg.errors.UniqueViolation), dev_database.connect(Role.TRAINER) as connection:
        registry.register(connection, replace(other, name=first.name), artifact, [])

    assert registry.list_models(dev_database) == [first]
    assert count_rows(dev_database, "nightjar", "artifact") == 1


def test_a_list_is_ordered_by_name_and_number(dev_database: Database) -> None:
    for name in ("spend", "churn_risk", "churn_risk"):
        register_model(dev_database, name=name)

    def names(use_case: str | None = None) -> list[str]:
        return [str(model.name) for model in registry.list_models(dev_database, use_case)]

    assert names() == ["churn_risk@1", "churn_risk@2", "spend@1"]
    assert names("spend") == ["spend@1"]
    assert names("nothing") == []


def test_a_missing_model_is_refused_with_what_exists(dev_database: Database) -> None:
    register_model(dev_database)
    register_model(dev_database)

    with dev_database.connect(Role.SCORER) as connection:
        with pytest.raises(ModelNotFoundError, match="no model churn_risk@3; there is churn_risk@1, churn_risk@2"):
            registry.find_model(connection, ModelName("churn_risk", 3))
        with pytest.raises(ModelNotFoundError, match="there is none of that name"):
            registry.find_model(connection, ModelName("spend", 1))


@pytest.mark.parametrize(
    "text", ["churn_risk", "churn_risk@", "churn_risk@0", "churn_risk@01", "churn_risk@1.0", "@1", "Churn@1", "a@1@2",
             "churn_risk@1 ", "a@1\n", "churn risk@1", "a@1234567890", "a@1\u0662"],
)  # fmt: skip
def test_a_malformed_name_is_refused(text: str) -> None:
    with pytest.raises(ModelNotFoundError, match="is not a model: write name@N, such as churn_risk@1"):
        ModelName.parse(text)


def test_aliases_are_shown_with_the_model(dev_database: Database) -> None:
    first, second = register_model(dev_database), register_model(dev_database)

    assert point(dev_database, Alias.CHALLENGER, str(first.name))
    assert point(dev_database, Alias.CHAMPION, str(first.name))

    assert [model.aliases for model in registry.list_models(dev_database)] == [("challenger", "champion"), ()]
    with dev_database.connect(Role.SCORER) as connection:
        found = registry.aliased_model(connection, "churn_risk", Alias.CHAMPION)
        assert found is not None
        assert found.name == first.name
        assert registry.aliased_model(connection, "spend", Alias.CHAMPION) is None
    assert point(dev_database, Alias.CHALLENGER, str(second.name))
    assert [model.aliases for model in registry.list_models(dev_database)] == [("champion",), ("challenger",)]


def test_a_use_case_without_champion_is_refused_with_the_way_to_one(prod_database: Database) -> None:
    register_model(prod_database)

    with pytest.raises(ModelNotFoundError, match="churn_risk has no champion in prod: run the DAG promote_models__"):
        champion(prod_database)


def test_the_history_tells_every_move_newest_first(dev_database: Database) -> None:
    register_model(dev_database)
    register_model(dev_database)

    moved = [
        point(dev_database, Alias.CHAMPION, "churn_risk@1", "first"),
        point(dev_database, Alias.CHAMPION, "churn_risk@1", "again"),
        point(dev_database, Alias.CHALLENGER, "churn_risk@2", "trained"),
        point(dev_database, Alias.CHAMPION, "churn_risk@2", "better"),
    ]
    moves = registry.alias_history(dev_database, "churn_risk", Alias.CHAMPION)

    assert moved == [True, False, True, True]
    assert [(move.model, move.previous, move.reason, move.actor) for move in moves] == [
        ("churn_risk@2", "churn_risk@1", "better", "ada"),
        ("churn_risk@1", None, "first", "ada"),
    ]
    assert moves[0].moved_at >= moves[1].moved_at
    assert registry.alias_history(dev_database, "spend", Alias.CHAMPION) == []


def test_a_rollback_goes_to_the_champion_before_or_to_any_earlier_one(dev_database: Database) -> None:
    for number in (1, 2, 3):
        register_model(dev_database)
        point(dev_database, Alias.CHAMPION, f"churn_risk@{number}")

    back = registry.rollback(dev_database, "churn_risk", to=None, reason="drift", actor="ada")
    assert (str(back.name), champion(dev_database)) == ("churn_risk@2", "churn_risk@2")
    registry.rollback(dev_database, "churn_risk", to=ModelName("churn_risk", 1), reason="drift again", actor="bob")
    assert champion(dev_database) == "churn_risk@1"
    [last, *_] = registry.alias_history(dev_database, "churn_risk", Alias.CHAMPION)
    assert (last.previous, last.reason, last.actor) == ("churn_risk@2", "drift again", "bob")


def test_a_rollback_to_what_never_was_champion_is_refused(dev_database: Database) -> None:
    register_model(dev_database)
    with pytest.raises(ModelNotFoundError, match="no earlier champion in dev"):
        registry.rollback(dev_database, "churn_risk", to=None, reason="drift", actor="ada")
    point(dev_database, Alias.CHAMPION, "churn_risk@1")
    with pytest.raises(ModelNotFoundError, match="no earlier champion in dev"):
        registry.rollback(dev_database, "churn_risk", to=None, reason="drift", actor="ada")
    register_model(dev_database)
    register_model(dev_database)
    point(dev_database, Alias.CHAMPION, "churn_risk@2")

    with pytest.raises(ModelNotFoundError, match=r"churn_risk@3 was not champion .* earlier champions: churn_risk@1"):
        registry.rollback(dev_database, "churn_risk", to=ModelName("churn_risk", 3), reason="drift", actor="ada")
    assert champion(dev_database) == "churn_risk@2"


def test_a_dropped_model_is_gone_with_what_only_it_needs(dev_database: Database) -> None:
    first, twin = register_model(dev_database), register_model(dev_database)
    other = register_model(dev_database, seed=1)
    assert first.sha256 == twin.sha256 != other.sha256

    registry.drop(dev_database, other.name)
    registry.drop(dev_database, first.name)

    assert [model.name for model in registry.list_models(dev_database)] == [twin.name]
    assert count_rows(dev_database, "nightjar", "trial") == len(TRIALS)
    with dev_database.connect(Role.SCORER) as connection:
        assert registry.read_artifact(connection, twin.sha256)
    assert count_rows(dev_database, "nightjar", "artifact") == 1
    with pytest.raises(ModelNotFoundError):
        registry.drop(dev_database, first.name)


def test_a_model_in_use_is_not_dropped(dev_database: Database) -> None:
    model, scored = register_model(dev_database), register_model(dev_database)
    point(dev_database, Alias.CHAMPION, str(model.name))
    with dev_database.connect(Role.SCORER) as connection:
        connection.execute(
            "INSERT INTO nightjar.commit (use_case, as_of, state, model_id, model, snapshot, code_version, run_id)"
            " VALUES ('churn_risk', '2017-12-01', 'published', %s, 'churn_risk@2', 's', 'c', 'r')",
            [scored.id],
        )

    with pytest.raises(ModelInUseError, match=r"churn_risk@1 is needed: it is champion of churn_risk. Move the alias"):
        registry.drop(dev_database, model.name)
    with pytest.raises(ModelInUseError, match="night 2017-12-01 of churn_risk was scored with it"):
        registry.drop(dev_database, scored.name)
    point(dev_database, Alias.CHAMPION, str(scored.name))
    point(dev_database, Alias.CHALLENGER, str(scored.name))
    with dev_database.connect(Role.SCORER) as connection:
        connection.execute(
            "INSERT INTO nightjar.commit (use_case, as_of, state, model_id, model, snapshot, code_version, run_id)"
            " SELECT use_case, as_of + day, CASE day WHEN 3 THEN 'open' ELSE 'published' END, model_id, model,"
            " snapshot, code_version, run_id FROM nightjar.commit, generate_series(1, 3) day"
        )
    with pytest.raises(ModelInUseError) as refused:
        registry.drop(dev_database, scored.name)
    assert str(refused.value) == (
        "churn_risk@2 is needed: it is challenger of churn_risk; it is champion of churn_risk; "
        "night 2017-12-04 of churn_risk is being scored with it; "
        "3 nights of churn_risk from 2017-12-01 to 2017-12-03 were scored with it. "
        "Move the alias to another model first; a model that nights lead to is kept."
    )
    assert len(registry.list_models(dev_database)) == 2
