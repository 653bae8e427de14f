"""Pickle and joblib files: run only when a person vouched for their content."""

import hashlib
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, LiteralString

import joblib
import numpy as np
import psycopg
import pytest
from sklearn.linear_model import Ridge
from sklearn.preprocessing import FunctionTransformer

from nightjar.errors import ArtifactError, ReasonError, UntrustedFileError
from nightjar.registry import pickles
from nightjar.registry.pickles import load_trusted, trust_file
from nightjar.storage import Database, Role
from nightjar.usecases import Kind
from tests.builders import count_rows, shared_database
from tests.commands import CommandLine
from tests.serving_builders import MIXED, fitted, held

FORMATS = {".pkl": pickle.dump, ".pickle": pickle.dump, ".joblib": joblib.dump}


class Malicious:
    """An object that makes a file when it is read."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self.trace,)


def save(value: object, path: Path) -> Path:
    """Write a file in the format that its name tells."""
    with path.open("wb") as file:
        FORMATS[path.suffix](value, file)
    return path


def load(database: Database, path: Path) -> Any:
    with database.connect(Role.TRAINER) as connection:
        return load_trusted(connection, path)[0]


@pytest.fixture(scope="module")
def database(servers: dict[str, Database]) -> Iterator[Database]:
    """One database for all tests: each trusts files of its own."""
    with shared_database(servers["dev"], "pickles") as made:
        yield made


@pytest.mark.parametrize("suffix", FORMATS)
def test_an_unknown_file_is_refused_without_running_it(database: Database, tmp_path: Path, suffix: str) -> None:
    trace = tmp_path / "was_here"
    path = save(Malicious(trace), tmp_path / f"model{suffix}")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()

    with pytest.raises(UntrustedFileError) as caught:
        load(database, path)

    assert not trace.exists()
    assert f"model{suffix} (sha256 {digest}) is not trusted" in str(caught.value)
    assert f"nightjar model trust {path} --reason" in str(caught.value)


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_trusted_estimator_is_loaded(database: Database, tmp_path: Path, suffix: str) -> None:
    # Of each format another one, since they share the list.
    estimator = fitted(Kind.REGRESSION, "ridge").set_params(model__alpha=len(suffix))
    path = save(estimator, tmp_path / f"model{suffix}")
    with pytest.raises(UntrustedFileError):
        load(database, path)

    digest = trust_file(database, path, reason="made by ada, seen by bob")
    loaded = load(database, path)

    np.testing.assert_array_equal(loaded.predict(held(MIXED)), estimator.predict(held(MIXED)))
    with database.connect(Role.SCORER) as connection:
        row = connection.execute("SELECT * FROM nightjar.trusted_file WHERE sha256 = %s", [digest]).fetchone()
        user = connection.execute("SELECT session_user AS name").fetchone()
    assert row is not None
    assert user is not None
    assert (row["comment"], row["added_by"]) == ("made by ada, seen by bob", user["name"])


def test_what_is_run_is_what_was_hashed(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody exchanges the file right after its hash was looked up."""
    path = save(fitted(Kind.REGRESSION, "ridge"), tmp_path / "model.pkl")
    trust_file(database, path, reason="made by ada")
    trace = tmp_path / "was_here"
    read_file = pickles._READERS[".pkl"]

    def exchanged(file: Any) -> Any:
        save(Malicious(trace), path)
        return read_file(file)

    monkeypatch.setitem(pickles._READERS, ".pkl", exchanged)
    load(database, path)

    assert not trace.exists()
    with pytest.raises(UntrustedFileError):
        load(database, path)
    assert not trace.exists()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": 1}, "holds a dict: an estimator of scikit-learn is needed"),
        (Ridge, "holds a ABCMeta: an estimator"),
        (FunctionTransformer(print), "types that are not trusted: .*print"),
    ],
)
def test_what_artifacts_cannot_hold_is_refused(database: Database, tmp_path: Path, value: object, message: str) -> None:
    path = save(value, tmp_path / "model.pkl")
    trust_file(database, path, reason="made by ada")

    with pytest.raises(ArtifactError, match=message):
        load(database, path)


@pytest.mark.parametrize("suffix", FORMATS)
def test_damaged_files_are_refused(database: Database, tmp_path: Path, suffix: str) -> None:
    path = save(fitted(Kind.REGRESSION, "ridge"), tmp_path / f"model{suffix}")
    path.write_bytes(path.read_bytes()[:-20])
    trust_file(database, path, reason="made by ada")

    with pytest.raises(ArtifactError, match=rf"model{suffix} is damaged or needs what is not installed \(.*\): save"):
        load(database, path)


def test_other_files_are_refused(database: Database, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"model.skops is not one of .pkl, .pickle, .joblib: save"):
        load(database, tmp_path / "model.skops")
    with pytest.raises(ArtifactError, match=r"absent.pkl cannot be read \(No such file"):
        load(database, tmp_path / "absent.pkl")
    with pytest.raises(ReasonError):
        trust_file(database, tmp_path / "absent.pkl", reason=" ")


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        (Role.TRAINER, "INSERT INTO nightjar.trusted_file (sha256, comment) VALUES (repeat('a', 64), 'me')"),
        (Role.DEPLOYER, "INSERT INTO nightjar.trusted_file (sha256, comment) VALUES (repeat('a', 64), 'me')"),
        (Role.SCORER, "DELETE FROM nightjar.trusted_file"),
        (Role.ANALYST, "SELECT FROM nightjar.trusted_file"),
    ],
)
def test_only_the_owner_vouches(database: Database, role: Role, statement: LiteralString) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege), database.connect(role) as connection:
        connection.execute(statement)


def test_the_command_vouches_once(run: CommandLine, dev_database: Database, tmp_path: Path) -> None:
    path = save(fitted(Kind.REGRESSION, "ridge"), tmp_path / "model.pkl")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()

    for _ in range(2):
        found = run("model", "trust", str(path), "--reason", "made by ada", "--json").json
        assert found == {"file": str(path), "sha256": digest}

    assert count_rows(dev_database, "nightjar", "trusted_file") == 1
    assert load(dev_database, path)
    assert "cannot be read" in run("model", "trust", str(tmp_path / "absent.pkl"), "--reason", "r").refusal
    assert "is blank" in run("model", "trust", str(path), "--reason", " ").refusal
    assert run("model", "trust", str(path)).code == 2
