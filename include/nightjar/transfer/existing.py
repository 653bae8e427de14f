"""What an import does with a model version that is in the target already."""

from collections.abc import Callable
from enum import StrEnum

import psycopg

from nightjar import registry
from nightjar.errors import ModelClashError, ModelInUseError, ModelNotFoundError, TransferError, did_you_mean
from nightjar.registry import ModelRecord
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql

_SQL = load_sql("nightjar.transfer", "jobs.sql")


class Existing(StrEnum):
    """What to do with a model version that is in the target already."""

    MATCH = "match"  # the same content is left, another refused
    SKIP = "skip"  # whatever is there is left
    REPLACE = "replace"  # whatever is there is replaced, unless something needs it
    ERROR = "error"  # the import is refused

    @classmethod
    def parse(cls, text: str) -> "Existing":
        """Read its name.

        Raises:
            TransferError: there is none of that name.
        """
        if text not in list(cls):
            raise TransferError(
                f"There is no way with existing versions {text!r}.{did_you_mean(text, [known.value for known in cls])}"
            )
        return cls(text)


def is_to_be_written(connection: Connection, carried: ModelRecord, existing: Existing, environment: str) -> bool:
    """Tell whether a model is to be written; one that is to be replaced is gone then.

    Raises:
        ModelClashError: another one is there, or none may be.
        ModelInUseError: what is there is needed.
    """
    try:
        present = registry.find_model(connection, carried.name)
    except ModelNotFoundError:
        return True
    return _DECIDE[existing](connection, present, carried, environment)


def _match(_connection: Connection, present: ModelRecord, carried: ModelRecord, environment: str) -> bool:
    if present.sha256 != carried.sha256:
        raise ModelClashError(
            f"{present.name} exists in {environment} with another content ({present.sha256[:12]}…, the bundle has "
            f"{carried.sha256[:12]}…): train a new version instead, or choose with --existing."
        )
    if present.form != carried.form and carried.form == registry.Form.FULL:
        raise ModelClashError(
            f"Only the serving model of {present.name} is in {environment}: --existing replace brings its details."
        )
    return False


def _skip(*_present: object) -> bool:
    return False


def _replace(connection: Connection, present: ModelRecord, carried: ModelRecord, environment: str) -> bool:
    try:
        with connection.transaction():
            # To take a model away is the owner's alone, here as in a drop.
            connection.execute(_SQL["become_owner"])
            connection.execute(_SQL["replacing"], ["on"])
            connection.execute(_SQL["delete_model"], [present.id])
            connection.execute(_SQL["replacing"], [""])
            connection.execute(_SQL["become_deployer"])
    except psycopg.errors.ForeignKeyViolation as error:
        raise ModelInUseError(
            f"{present.name} is needed in {environment}, by an alias or by nights that were scored with it: it cannot "
            f"be replaced. Train a new version of {carried.name.name}."
        ) from error
    return True


def _refuse(_connection: Connection, present: ModelRecord, _carried: ModelRecord, environment: str) -> bool:
    raise ModelClashError(f"{present.name} exists in {environment}: choose what to do with --existing.")


_DECIDE: dict[Existing, Callable[[Connection, ModelRecord, ModelRecord, str], bool]] = {
    Existing.MATCH: _match,
    Existing.SKIP: _skip,
    Existing.REPLACE: _replace,
    Existing.ERROR: _refuse,
}
