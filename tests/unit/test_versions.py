"""Models that were fitted with other versions of libraries: told once, or refused."""

import logging
from dataclasses import replace

import pytest

from nightjar.errors import ConfigurationError, VersionMismatchError
from nightjar.registry import ModelRecord
from nightjar.registry.environment import check_versions, package_versions
from nightjar.settings import VersionMismatch, version_mismatch
from nightjar.usecases import Kind
from tests.serving_builders import record_of

VARIABLE = "NIGHTJAR_VERSION_MISMATCH"


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


def model(name: str, **versions: str) -> ModelRecord:
    here = package_versions()
    return replace(record_of(Kind.REGRESSION, "ridge", name=name), environment=here | versions)


def patched(version: str) -> str:
    """Return another version of the same series."""
    return ".".join([*version.split(".")[:2], "999"])


def test_the_same_versions_pass(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv(VARIABLE, "refuse")
    here = package_versions()

    check_versions(model("same@1"))
    check_versions(model("patched@1", numpy=patched(here["numpy"]), skops=patched(here["skops"])))
    check_versions(model("pandas_is_not_in_artifacts@1", pandas="1.0", python="3.8"))
    check_versions(replace(model("unknown@1"), environment={}))

    assert caplog.messages == []


@pytest.mark.parametrize("package", ["numpy", "scikit-learn", "skops"])
def test_another_series_is_told_once_per_model(package: str, caplog: pytest.LogCaptureFixture) -> None:
    first, second = (model(f"{package.replace('-', '_')}@{number}", **{package: "0.9.1"}) for number in (1, 2))

    with caplog.at_level(logging.WARNING):
        for record in (first, second, first, second):
            check_versions(record)

    assert caplog.messages == [
        f"{record.name} was fitted with {package} 0.9.1, here is {package_versions()[package]}: its predictions may "
        "differ. Train it anew."
        for record in (first, second)
    ]


def test_another_series_is_refused_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "refuse")
    old = model("old@3", numpy="1.26.4", **{"scikit-learn": "1.2.0"})

    with pytest.raises(
        VersionMismatchError, match=r"old@3 was fitted with numpy 1.26.4, here is .*; with scikit-learn 1"
    ):
        check_versions(old)


@pytest.mark.parametrize("asked", ["Refuse", "ignore", " warn"])
def test_an_unknown_policy_is_refused(monkeypatch: pytest.MonkeyPatch, asked: str) -> None:
    monkeypatch.setenv(VARIABLE, asked)

    with pytest.raises(ConfigurationError, match=f"{VARIABLE} is '{asked}': it takes warn or refuse"):
        check_versions(model("same@1"))


def test_an_empty_policy_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "")

    assert version_mismatch() is VersionMismatch.WARN
