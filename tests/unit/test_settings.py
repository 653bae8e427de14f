"""Where the databases are: the environment first, then a local system's state; secrets are never shown."""

import json
from pathlib import Path

import pytest

from nightjar import settings
from nightjar.errors import ConfigurationError, MissingDatabaseUrlError
from nightjar.settings import Environment, database_url
from nightjar.storage import open_database


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, and an environment without Nightjar's variables."""
    for name in (
        "NIGHTJAR_DEV_URL",
        "NIGHTJAR_PROD_URL",
        "NIGHTJAR_TRANSFER_DIR",
        "NIGHTJAR_DATA_DOCS",
        "NIGHTJAR_USECASES",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NIGHTJAR_HOME", str(tmp_path))
    return tmp_path


def write_state(home: Path, **state: str) -> None:
    (home / settings.LOCAL_STATE_FILE).write_text(json.dumps(state))


def test_the_environment_comes_before_the_local_state(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_state(home, dev_url="postgresql://local/dev", prod_url="postgresql://local/prod")
    monkeypatch.setenv("NIGHTJAR_DEV_URL", "postgresql://elsewhere/dev")

    assert database_url(Environment.DEV) == "postgresql://elsewhere/dev"
    assert database_url(Environment.PROD) == "postgresql://local/prod"


def test_an_empty_variable_counts_as_unset(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_state(home, dev_url="postgresql://local/dev")
    monkeypatch.setenv("NIGHTJAR_DEV_URL", "")

    assert database_url(Environment.DEV) == "postgresql://local/dev"


@pytest.mark.parametrize("environment", list(Environment))
def test_a_missing_url_is_refused_with_both_remedies(home: Path, environment: Environment) -> None:
    with pytest.raises(MissingDatabaseUrlError, match=f"set NIGHTJAR_{environment.upper()}_URL, or run 'make demo'"):
        database_url(environment)
    write_state(home, port="8080")
    with pytest.raises(MissingDatabaseUrlError):
        database_url(environment)


@pytest.mark.parametrize("content", [b'{"dev_url": ', b"", b"\xff\xfe", b"[1, 2]", b"7"])
def test_a_broken_state_file_is_refused_by_its_path(home: Path, content: bytes) -> None:
    path = home / settings.LOCAL_STATE_FILE
    path.write_bytes(content)

    with pytest.raises(ConfigurationError, match=f"{path} is not readable .*: remove it"):
        database_url(Environment.DEV)


def test_a_broken_state_file_does_not_matter_when_the_environment_knows(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / settings.LOCAL_STATE_FILE).write_text("{")
    monkeypatch.setenv("NIGHTJAR_PROD_URL", "postgresql://elsewhere/prod")

    assert open_database(Environment.PROD).address == "elsewhere:5432/prod"


def test_folders_follow_the_environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.transfer_folder() == home / "transfer"
    assert settings.data_docs_folder() == home / "data_docs"
    assert settings.use_case_folders() == []

    monkeypatch.setenv("NIGHTJAR_TRANSFER_DIR", "shared/transfer")
    monkeypatch.setenv("NIGHTJAR_DATA_DOCS", "shared/data_docs")
    monkeypatch.setenv("NIGHTJAR_USECASES", "ours:theirs:")

    assert settings.transfer_folder() == Path("shared/transfer")
    assert settings.data_docs_folder() == Path("shared/data_docs")
    assert settings.use_case_folders() == [Path("ours"), Path("theirs")]


def test_without_a_home_the_state_lies_in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NIGHTJAR_HOME")

    assert settings.home() == settings.PROJECT_ROOT / ".nightjar"
    assert (settings.PROJECT_ROOT / "pyproject.toml").exists()
