"""The key of an entity or an item, as people and other code give it."""

from collections.abc import Callable, Sequence
from uuid import UUID

from nightjar.errors import KeyValueError
from nightjar.usecases.declaration import UseCase
from nightjar.usecases.fields import Key

KeyValue = int | str | UUID
EntityKey = tuple[KeyValue, ...]


def entity_key(use_case: UseCase, entity: KeyValue | Sequence[KeyValue]) -> EntityKey:
    """Return an entity's key as a tuple of its columns' values, each in the type of its column.

    Args:
        use_case: whose entity it is.
        entity: the key's value; of a key of several columns their values, in the declared order.

    Raises:
        KeyValueError: there are more or fewer values than columns, or one is of another type.
    """
    values = (entity,) if isinstance(entity, KeyValue) else tuple(entity)
    if len(values) != len(use_case.entity):
        raise KeyValueError(
            f"{use_case.name} knows its entities by {', '.join(use_case.entity_key)}: "
            f"give {len(use_case.entity)} values, not {len(values)}."
        )
    return tuple(key_value(key, value) for key, value in zip(use_case.entity, values, strict=True))


def key_value(key: Key, value: KeyValue) -> KeyValue:
    """Return a value in the type of its column.

    Raises:
        KeyValueError: it has no such form.
    """
    try:
        return _TYPES[key.type](value)
    except ValueError as error:
        raise KeyValueError(f"{value!r} is no {key.name}: write it as {_EXAMPLES[key.type]}.") from error


def shown(use_case: UseCase, entity: EntityKey) -> str:
    """Return an entity's columns and values as a text to read."""
    return ", ".join(f"{name} {value}" for name, value in zip(use_case.entity_key, entity, strict=True))


def _uuid(value: KeyValue) -> UUID:
    return value if isinstance(value, UUID) else UUID(str(value))


_TYPES: dict[str, Callable[[KeyValue], KeyValue]] = {
    "integer": lambda value: int(str(value)),
    "bigint": lambda value: int(str(value)),
    "text": str,
    "uuid": _uuid,
}
_EXAMPLES = {
    "integer": "42",
    "bigint": "42",
    "text": "a text",
    "uuid": "6f9619ff-8b86-4d01-b42d-00cf4fc964ff",
}
