"""What the local system remembers: kept between commands, readable by its user only."""

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from nightjar.demo import local_state
from nightjar.demo.local_state import LocalProcess, LocalState, new_state, read_state, write_state
from nightjar.errors import ConfigurationError

URLS = {"dev": "postgresql:///dev", "prod": "postgresql:///prod", "metadata": "postgresql:///metadata"}
SECRETS = ("admin_password", "secret_key", "token_secret", "fernet_key")


@pytest.fixture(autouse=True)
def state_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NIGHTJAR_HOME", str(tmp_path))
    monkeypatch.delenv("NIGHTJAR_PORT", raising=False)
    return local_state.state_path()


def secrets(state: LocalState) -> list[str]:
    return [getattr(state, name) for name in SECRETS]


def test_a_state_is_read_back_as_it_was_written() -> None:
    state = replace(new_state(URLS, None), processes=(LocalProcess("scheduler", 42, 1.5),))

    write_state(state)

    assert read_state() == state


def test_without_a_file_there_is_no_state() -> None:
    assert read_state() is None


def test_only_its_user_can_read_the_file(state_path: Path) -> None:
    state_path.touch(0o644)

    write_state(new_state(URLS, None))

    assert stat.S_IMODE(state_path.stat().st_mode) == 0o600
    assert [path.name for path in state_path.parent.iterdir()] == [state_path.name]


def test_an_interrupted_write_leaves_the_earlier_state(state_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    earlier = new_state(URLS, None)
    write_state(earlier)
    monkeypatch.setattr(json, "dump", _run_out_of_space)

    with pytest.raises(OSError, match="No space left"):
        write_state(new_state(URLS, None))
    monkeypatch.undo()
    monkeypatch.setenv("NIGHTJAR_HOME", str(state_path.parent))

    assert read_state() == earlier
    write_state(new_state(URLS, None))
    assert read_state() != earlier


def test_secrets_are_random_and_kept() -> None:
    first, second = new_state(URLS, None), new_state(URLS, None)
    later = new_state(URLS | {"dev": "postgresql:///moved"}, first)

    assert not set(secrets(first)) & set(secrets(second))
    assert min(map(len, secrets(first))) >= 12
    assert secrets(later) == secrets(first)
    assert later.dev_url == "postgresql:///moved"


def test_secrets_are_not_shown() -> None:
    state = new_state(URLS, None)

    assert not any(secret in repr(state) or secret in str(state) for secret in secrets(state))
    assert "postgresql:///dev" in repr(state)


def test_the_port_follows_the_environment_then_the_earlier_state(monkeypatch: pytest.MonkeyPatch) -> None:
    assert new_state(URLS, None).port == local_state.DEFAULT_PORT
    monkeypatch.setenv("NIGHTJAR_PORT", "9090")
    chosen = new_state(URLS, None)
    monkeypatch.delenv("NIGHTJAR_PORT")

    assert chosen.address == "http://localhost:9090"
    assert new_state(URLS, chosen).port == 9090


@pytest.mark.parametrize("port", ["web", "-1", "65536", "80.5"])
def test_a_wrong_port_is_refused(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTJAR_PORT", port)

    with pytest.raises(ConfigurationError, match=f"NIGHTJAR_PORT is '{port}'"):
        new_state(URLS, None)


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"processes": [], "dev_url": ""}', '{"processes": [{}]}'])
def test_a_broken_file_is_refused_by_its_path(state_path: Path, content: str) -> None:
    state_path.write_text(content)

    with pytest.raises(ConfigurationError, match=f"{state_path} is not readable: remove it"):
        read_state()


def _run_out_of_space(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")
