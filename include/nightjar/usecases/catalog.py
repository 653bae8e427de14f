"""Reads declarations: the shipped ones and those of the folders in NIGHTJAR_USECASES."""

import tomllib
from functools import cache
from pathlib import Path

from pydantic import ValidationError

from nightjar.errors import DeclarationError, UnknownUseCaseError, did_you_mean
from nightjar.settings import use_case_folders
from nightjar.usecases.declaration import UseCase

SHIPPED = Path(__file__).parent / "shipped"
DECLARATION_FILE = "usecase.toml"
_SQL_FILES = {
    "features_sql": "features.sql",
    "target_sql": "target.sql",
    "interactions_sql": "interactions.sql",
    "items_sql": "items.sql",
    "evidence_sql": "evidence.sql",
    "exclude_sql": "exclude.sql",
    "reasons_sql": "reasons.sql",
    "outcome_sql": "outcome.sql",
}


def declared_use_cases() -> dict[str, UseCase]:
    """Return every declared use case by name.

    Raises:
        DeclarationError: a file is wrong, or two declare the same name.
    """
    found, errors = _read_folders((SHIPPED, *use_case_folders()))
    if errors:
        raise errors[0]
    return found


def usable_use_cases() -> dict[str, UseCase]:
    """Return the use cases whose declarations are right: a wrong one must not stop the others."""
    return _read_folders((SHIPPED, *use_case_folders()))[0]


def find_use_case(name: str) -> UseCase:
    """Return one use case.

    Raises:
        UnknownUseCaseError: with the nearest declared name, and the declarations that are wrong.
    """
    found, errors = _read_folders((SHIPPED, *use_case_folders()))
    if name not in found:
        if errors:
            wrong = " ".join(map(str, errors))
            raise UnknownUseCaseError(f"No readable declaration is named {name!r}. Not readable: {wrong}")
        raise UnknownUseCaseError(f"No use case is named {name!r}.{did_you_mean(name, found)}")
    return found[name]


@cache
def _read_folders(folders: tuple[Path, ...]) -> tuple[dict[str, UseCase], list[DeclarationError]]:
    found: dict[str, UseCase] = {}
    errors: list[DeclarationError] = []
    for folder in folders:
        if not folder.is_dir():
            errors.append(DeclarationError(f"NIGHTJAR_USECASES names {folder}, which is not a folder."))
        for path in sorted(folder.glob(f"*/{DECLARATION_FILE}")):
            try:
                use_case = read_declaration(path)
                _require_free_name(use_case, path, found)
            except DeclarationError as error:
                errors.append(error)
            else:
                found[use_case.name] = use_case
    return found, errors


def _require_free_name(use_case: UseCase, path: Path, found: dict[str, UseCase]) -> None:
    if use_case.name in found:
        raise DeclarationError(
            f"{path}: name: {use_case.name!r} is already declared in {found[use_case.name].folder}; "
            "choose another name."
        )


def read_declaration(path: Path) -> UseCase:
    """Read one declaration and the SQL files beside it.

    Raises:
        DeclarationError: naming the file and the field.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DeclarationError(f"{path}: is not valid TOML: {error}.") from error
    reserved = {"folder", *_SQL_FILES} & content.keys()
    if reserved:
        raise DeclarationError(f"{path}: {min(reserved)}: comes from the files beside it, remove the field.")
    for field, file_name in _SQL_FILES.items():
        sql_path = path.parent / file_name
        if sql_path.exists():
            content[field] = _read_sql(sql_path)
    if "features_sql" not in content:
        raise DeclarationError(f"{path}: the file {_SQL_FILES['features_sql']} is missing beside it.")
    try:
        return UseCase(**content, folder=path.parent)
    except ValidationError as error:
        raise DeclarationError(f"{path}: {_explain(error)}") from error


def _read_sql(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DeclarationError(f"{path}: is not UTF-8 text: {error}.") from error


def _explain(error: ValidationError) -> str:
    details = error.errors(include_url=False)
    places = [detail["loc"] for detail in details]
    problems = []
    for detail in details:
        if any(place != detail["loc"] and place[: len(detail["loc"])] == detail["loc"] for place in places):
            continue  # What is wrong inside makes the whole wrong as well.
        field = ".".join(str(part) for part in detail["loc"]) or "use case"
        value = detail["input"]
        shown = f" (got {value!r})" if isinstance(value, str | int | float | bool) else ""
        problems.append(f"{field}: {detail['msg']}{shown}")
    return "; ".join(problems) + "."
