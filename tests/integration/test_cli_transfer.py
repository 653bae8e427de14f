"""The commands that carry whole catalogs, and models into a catalog under another name."""

from pathlib import Path

import pytest

from nightjar import registry
from nightjar.storage import Database
from tests.builders import register_model
from tests.commands import CommandLine

SCHEMAS = ("nightjar", "nightjar_store", "snapshots", "predictions", "retail")
BESIDE = [word for schema in SCHEMAS for word in ("--remap-schema", f"{schema}:other_{schema}")]


@pytest.fixture
def signing(run: CommandLine) -> CommandLine:
    """The command line with a key that both databases trust."""
    public = run("keys", "make", "--json").json["public"]
    for environment in ("dev", "prod"):
        assert run("keys", "trust", public, "--reason", "of the tests", "--env", environment).code == 0
    return run


def test_a_whole_catalog_is_put_beside_another_and_takes_models(
    signing: CommandLine, dev_database: Database, prod_database: Database, tmp_path: Path
) -> None:
    run, place = signing, ("--to", str(tmp_path))
    first = register_model(dev_database)
    exported = run(
        "model", "export", "--mode", "schema", *place, "--name", "whole", "--filesize", "100K", "--json"
    ).json
    refused = run("model", "import", "--mode", "schema", "--from", str(tmp_path), "--name", "whole").refusal
    whole = "--mode", "schema", "--from", str(tmp_path), "--name", "whole"
    assert run("model", "import", *whole, *BESIDE).code == 0
    other = prod_database.with_catalog("other_nightjar")

    assert len(exported["parts"]) > 1
    assert "There is a catalog in schema nightjar of prod: restore beside it with --remap-schema" in refused
    assert registry.list_models(prod_database) == []
    assert [model.name for model in registry.list_models(other)] == [first.name]

    second = register_model(dev_database, seed=1)
    assert run("model", "export", "--filter", str(second.name), *place, "--name", "second").code == 0
    into = "--remap-schema", "nightjar:other_nightjar"
    [arrived] = run("model", "import", "--from", str(tmp_path), "--name", "second", *into, "--json").json
    assert arrived["written"] is True
    assert registry.list_models(prod_database) == []
    assert [model.name for model in registry.list_models(other)] == [first.name, second.name]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--remap-schema", "nightjar:nowhere"], "There is no schema 'nowhere' of prod"),
        (["--remap-schema", "nightjar:public"], "There is no catalog in the schema 'public' of prod"),
        (["--remap-schema", "retail:shop"], "Models are in the schema nightjar, not in retail"),
        (["--remap-schema", "nightjar"], "'nightjar' is no pair"),
        (["--mode", "schema"], "was exported with mode model, it holds no whole catalog"),
    ],
)
def test_a_wrong_remap_is_refused(
    signing: CommandLine, dev_database: Database, prod_database: Database, tmp_path: Path,
    arguments: list[str], message: str,
) -> None:  # fmt: skip
    model = register_model(dev_database)
    assert signing("model", "export", "--filter", str(model.name), "--to", str(tmp_path), "--name", "one").code == 0

    assert message in signing("model", "import", "--from", str(tmp_path), "--name", "one", *arguments).refusal
    assert registry.list_models(prod_database) == []


def test_the_tables_of_a_catalog_are_estimated(run: CommandLine, dev_database: Database, tmp_path: Path) -> None:
    register_model(dev_database)
    rows = run("model", "export", "--mode", "schema", "--estimate", "--json").json
    assert {"nightjar.model_version", "nightjar.artifact_chunk"} <= {row["table"] for row in rows}
    assert list(tmp_path.glob("*.dmp")) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["export", "--mode", "schema", "--filter", "churn_risk", "--estimate"],
        ["export", "--mode", "schema", "--aliases", "--estimate"],
        ["export", "--no-snapshot-data", "--estimate"],
        ["import", "--mode", "schema", "--from", ".", "--name", "x", "--model", "churn_risk@1"],
        ["import", "--mode", "schema", "--from", ".", "--name", "x", "--existing", "replace"],
        ["import", "--from", ".", "--name", "x", "--trust", "x.pub"],
        ["import", "--from", ".", "--name", "x", "--remap-tablespace", "a:b"],
    ],
)
def test_options_of_another_mode_are_wrong_usage(run_untouched: CommandLine, arguments: list[str]) -> None:
    answer = run_untouched("model", *arguments)
    assert answer.code == 2
    assert "cannot be given with --mode" in " ".join(answer.err.split())
