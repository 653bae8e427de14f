"""SQL in files: blocks by name, and every file of the package can be read."""

from importlib.resources import files
from pathlib import Path

import pytest

from nightjar.storage.named_sql import load_sql


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package of its own for each test: what was read once is kept."""
    name = f"sql_of_{tmp_path.name}"
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    return name


def blocks(tmp_path: Path, package: str, text: str) -> dict[str, str]:
    (tmp_path / package / "queries.sql").write_text(text, encoding="utf-8")
    return dict(load_sql(package, "queries.sql"))


def test_blocks_are_found_by_name_without_their_header(tmp_path: Path, package: str) -> None:
    text = "-- About this file.\n\n-- name: one\nSELECT 1\n\n-- name: two_b\n-- Why.\nSELECT 'ü';\nSELECT 2\n"

    assert blocks(tmp_path, package, text) == {"one": "SELECT 1", "two_b": "-- Why.\nSELECT 'ü';\nSELECT 2"}


def test_only_whole_lines_open_a_block(tmp_path: Path, package: str) -> None:
    text = "-- name: one\nSELECT '-- name: two'\n  -- name: three\n-- name: four five\n"

    assert list(blocks(tmp_path, package, text)) == ["one"]


def test_a_file_without_blocks_is_empty(tmp_path: Path, package: str) -> None:
    assert blocks(tmp_path, package, "SELECT 1") == {}


def test_a_missing_file_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        load_sql("nightjar.snapshots", "nothing.sql")


@pytest.mark.parametrize(
    ("package_name", "file_name"),
    [
        ("nightjar.snapshots", "snapshots.sql"),
        ("nightjar.registry", "registry.sql"),
        ("nightjar.scoring", "scoring.sql"),
        ("nightjar.monitoring", "overview.sql"),
        ("nightjar.demo", "results.sql"),
        ("nightjar.storage.migrations", "bootstrap.sql"),
    ],
)
def test_shipped_files_have_a_body_under_every_name(package_name: str, file_name: str) -> None:
    text = files(package_name).joinpath(file_name).read_text(encoding="utf-8")
    found = load_sql(package_name, file_name)

    assert len(found) == text.count("-- name:")
    assert all(found.values())
