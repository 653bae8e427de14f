"""Fitted models as bytes: stored in pieces, proved when read, and only of types that are trusted."""

import io
import os
import pickle
import zipfile
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import ClassVar, LiteralString

import numpy as np
import pytest
from sklearn.pipeline import Pipeline
from skops import io as skops_io

from nightjar import registry
from nightjar.errors import ArtifactError
from nightjar.registry import artifacts
from nightjar.registry.artifacts import write_artifact
from nightjar.registry.estimator_files import TRUSTED_TYPES, load_estimator, save_estimator
from nightjar.storage import Database, Role
from nightjar.usecases import Kind
from tests.builders import count_rows, fit_model, register_model, shared_database


@pytest.fixture(scope="module")
def shoppers(servers: dict[str, Database]) -> Iterator[Database]:
    """A database with what small models are fitted on; nothing is registered in it."""
    with shared_database(servers["dev"], "shoppers") as database:
        yield database


def test_bytes_come_back_whatever_the_number_of_pieces(dev_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifacts, "CHUNK_BYTES", 10)
    pieces = 0
    for size, more in {0: 0, 1: 1, 9: 1, 10: 1, 11: 2, 20: 2, 95: 10}.items():
        content = bytes(range(size))
        with dev_database.connect(Role.TRAINER) as connection:
            assert registry.read_artifact(connection, write_artifact(connection, content)) == content
        pieces += more
        assert count_rows(dev_database, "nightjar", "artifact_chunk") == pieces


def test_a_model_in_many_pieces_still_scores(dev_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifacts, "CHUNK_BYTES", 1000)
    record, artifact = fit_model(dev_database)
    model = register_model(dev_database)

    assert model.sha256 == record.sha256
    assert count_rows(dev_database, "nightjar", "artifact_chunk") == -(-len(artifact) // 1000) > 2
    with dev_database.connect(Role.SCORER) as connection:
        estimator = load_estimator(registry.read_artifact(connection, model.sha256))
    assert estimator.predict_proba(np.zeros((2, len(record.signature.inputs)))).shape == (2, 2)


@pytest.mark.parametrize("kind", list(Kind))
def test_the_same_fit_gives_the_same_bytes(shoppers: Database, kind: Kind) -> None:
    first, second, other = (fit_model(shoppers, kind, seed) for seed in (0, 0, 1))

    assert first == second
    assert kind is Kind.SEGMENTATION or other[1] != first[1]


def test_the_same_bytes_are_stored_once(dev_database: Database) -> None:
    with dev_database.connect(Role.TRAINER) as connection:
        digests = {write_artifact(connection, b"same"), write_artifact(connection, b"same")}

    assert len(digests) == 1
    assert count_rows(dev_database, "nightjar", "artifact_chunk") == 1


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE nightjar.artifact_chunk SET data = set_byte(data, 3, get_byte(data, 3) # 1) WHERE ordinal = 1",
        "UPDATE nightjar.artifact_chunk SET ordinal = 7 WHERE ordinal = 0",
        "DELETE FROM nightjar.artifact_chunk WHERE ordinal = 1",
        "DELETE FROM nightjar.artifact_chunk WHERE ordinal = 2",
        "DELETE FROM nightjar.artifact_chunk",
    ],
)
def test_damaged_bytes_are_detected(
    untouched_dev: Database, monkeypatch: pytest.MonkeyPatch, damage: LiteralString
) -> None:
    monkeypatch.setattr(artifacts, "CHUNK_BYTES", 10)
    with untouched_dev.connect(Role.OWNER) as connection:
        digest = write_artifact(connection, bytes(range(25)))
        assert connection.execute(damage).rowcount > 0

        with pytest.raises(ArtifactError, match=f"stored artifact {digest[:12]}… is damaged"):
            registry.read_artifact(connection, digest)
        connection.rollback()


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_of_model_is_made_of_trusted_types(shoppers: Database, kind: Kind) -> None:
    _, artifact = fit_model(shoppers, kind)

    assert isinstance(load_estimator(artifact), Pipeline)


def test_trusted_types_are_ours_or_of_scikit_learn_and_are_there() -> None:
    for name in TRUSTED_TYPES:
        module, _, attribute = name.rpartition(".")
        assert module.split(".")[0] in {"nightjar", "sklearn", "numpy"}
        assert hasattr(import_module(module), attribute)


class Stranger:
    """A type that is not trusted; building one would show."""

    built: ClassVar[list[object]] = []

    def __init__(self) -> None:
        self.secret = 1

    def __setstate__(self, state: dict[str, object]) -> None:
        Stranger.built.append(state)


@pytest.mark.parametrize("wrap", [lambda one: one, lambda one: Pipeline([("a", one)]), lambda one: {"a": [one]}])
def test_another_type_is_refused_before_anything_is_built(wrap: Callable[[object], object]) -> None:
    content = skops_io.dumps(wrap(Stranger()))

    with pytest.raises(ArtifactError, match=r"types that are not trusted: .*Stranger. It was not loaded"):
        load_estimator(content)
    with pytest.raises(ArtifactError, match=r"not trusted: .*Stranger"):
        save_estimator(wrap(Stranger()))
    assert Stranger.built == []


@pytest.mark.parametrize("function", [os.system, eval, print])
def test_a_function_is_refused(function: Callable[..., object]) -> None:
    with pytest.raises(ArtifactError, match=f"not trusted: .*{function.__name__}"):
        load_estimator(skops_io.dumps(function))


def test_what_is_no_artifact_is_refused(shoppers: Database) -> None:
    _, artifact = fit_model(shoppers)
    with zipfile.ZipFile(io.BytesIO(artifact)) as archive:
        [entry] = [entry for entry in archive.infolist() if entry.filename.endswith(".npy")][:1]
    altered = bytearray(artifact)
    altered[entry.header_offset + entry.compress_size] ^= 0xFF

    for content in (b"", b"no archive", artifact[: len(artifact) // 2], pickle.dumps({"a": 1}), bytes(altered)):
        with pytest.raises(ArtifactError, match="The artifact is damaged: "):
            load_estimator(content)
