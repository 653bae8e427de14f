"""What docker-compose.yaml, Dockerfile and .env.example promise to each other; no engine is needed."""

import re
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from celery.backends import database as celery_database  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parents[2]
COMPOSE_TEXT = (ROOT / "docker-compose.yaml").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()
ENV_EXAMPLE = (ROOT / ".env.example").read_text()

Service = dict[str, Any]
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)
SERVICES: dict[str, Service] = COMPOSE["services"]
LONG_RUNNING = [name for name, service in SERVICES.items() if service["restart"] != "no"]
POSTGRES = ["postgres-dev", "postgres-prod", "postgres-metadata"]
AIRFLOW = [
    "airflow-apiserver",
    "airflow-scheduler",
    "airflow-dag-processor",
    "airflow-triggerer",
    "airflow-worker",
]
ON_THE_AIRFLOW_IMAGE = [*AIRFLOW, "airflow-init", "demo-data"]

VERSIONED_IMAGE = re.compile(r"[a-z]+:\d+\.\d+(\.\d+)?(-[a-z0-9]+)*")
REQUIRED_VARIABLE = re.compile(r"\$\{(\w+):\?[^}]+\}")
DEFAULTED_VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")
ANY_VARIABLE = re.compile(r"(?<!\$)\$(?:\{(\w+)|(\w+))")
SECRET_NAME = re.compile(r"(PASSWORD|SECRET|SECRET_KEY|FERNET_KEY|AUTH)$")
URL_PASSWORD = re.compile(r"://\w*:(\$\{[^}]*\}|[^@\s]*)@")


def environment(name: str) -> dict[str, str]:
    return dict(SERVICES[name].get("environment", {}))


def volumes(name: str) -> dict[str, str]:
    """Container path to volume name."""
    return {path: volume for volume, path in (mount.split(":") for mount in SERVICES[name]["volumes"])}


def image_setting(name: str) -> str:
    """Value of an ENV of the Dockerfile."""
    found = re.search(rf"\b{name}=(\S+)", DOCKERFILE)
    assert found, f"the Dockerfile sets no {name}"
    return found[1]


def test_no_key_is_given_twice() -> None:
    # Docker refuses the file then; the parser used here takes the last one.
    def check(node: yaml.Node) -> None:
        if isinstance(node, yaml.MappingNode):
            names = [key.value for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
            assert len(set(names)) == len(names), f"{node.start_mark}: {names}"
            for _, value in node.value:
                check(value)

    check(yaml.compose(COMPOSE_TEXT, Loader=yaml.SafeLoader))


def test_the_services_of_the_design_are_there() -> None:
    assert set(SERVICES) == {*POSTGRES, "redis", *ON_THE_AIRFLOW_IMAGE}
    assert set(LONG_RUNNING) == {*POSTGRES, "redis", *AIRFLOW}


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_is_pinned_to_a_version(name: str) -> None:
    assert VERSIONED_IMAGE.fullmatch(SERVICES[name]["image"])


def test_base_images_are_pinned_to_a_patch_version_and_the_stages_agree() -> None:
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert len(bases) == 2
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.1[12]\.\d+-slim-\w+", bases[0])


@pytest.mark.parametrize("name", LONG_RUNNING)
def test_every_long_running_service_is_restarted_and_has_a_health_check(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    check = service["healthcheck"]
    assert check["test"][0] in {"CMD", "CMD-SHELL"}
    assert len(check["test"]) > 1
    assert {"interval", "timeout", "retries", "start_period"} <= set(check)
    assert not check.get("disable")


@pytest.mark.parametrize("name", SERVICES)
def test_nothing_runs_as_root_or_can_gain_rights(name: str) -> None:
    service = SERVICES[name]
    assert str(service["user"]).split(":")[0] not in {"", "0", "root"}
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert not {"privileged", "cap_add", "network_mode", "pid"} & set(service)


def test_the_image_ends_as_the_user_that_compose_runs() -> None:
    user = re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE)[-1]
    assert {SERVICES[name]["user"] for name in ON_THE_AIRFLOW_IMAGE} == {user}


def test_airflow_services_share_image_executor_and_keys() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert {SERVICES[name]["image"] for name in ON_THE_AIRFLOW_IMAGE} == {f"nightjar:{version}"}
    for key, value in {
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": "http://airflow-apiserver:8080/execution/",
    }.items():
        assert {environment(name)[key] for name in ON_THE_AIRFLOW_IMAGE} == {value}
    for key in ("CORE__FERNET_KEY", "API_AUTH__JWT_SECRET", "API__SECRET_KEY", "CELERY__BROKER_URL"):
        assert len({environment(name)[f"AIRFLOW__{key}"] for name in ON_THE_AIRFLOW_IMAGE}) == 1


def test_one_service_alone_builds_the_image() -> None:
    assert [name for name, service in SERVICES.items() if "build" in service] == ["airflow-init"]


def test_the_locked_celery_has_what_the_executor_imports() -> None:
    # Celery 5.7 dropped it, and the provider 3.26 cannot start a scheduler or a worker without.
    assert hasattr(celery_database, "retry"), "lock celery below 5.7"


def test_workers_scale() -> None:
    worker = SERVICES["airflow-worker"]
    assert worker["command"] == ["airflow", "celery", "worker"]
    assert not {"container_name", "ports", "hostname"} & set(worker)


def test_workers_share_the_transfer_and_state_folders_and_all_share_the_logs() -> None:
    mounts = volumes("airflow-worker")
    assert mounts[image_setting("NIGHTJAR_TRANSFER_DIR")] == "nightjar-transfer"
    assert mounts[image_setting("NIGHTJAR_HOME")] == "nightjar-state"
    logs = f"{image_setting('AIRFLOW_HOME')}/logs"
    assert {volumes(name).get(logs) for name in ON_THE_AIRFLOW_IMAGE} == {"airflow-logs"}


def test_each_postgres_keeps_its_data_in_a_volume_of_its_own() -> None:
    # Since version 18 the image keeps its data below this folder, not in its "data" folder.
    assert [volumes(name) for name in POSTGRES] == [{"/var/lib/postgresql": name} for name in POSTGRES]


def test_volumes_are_named_and_declared() -> None:
    used = {volume for name in SERVICES for volume in volumes(name).values()}
    assert used == set(COMPOSE["volumes"])


@pytest.mark.parametrize("name", [*AIRFLOW, "demo-data"])
def test_airflow_starts_on_migrated_databases(name: str) -> None:
    assert SERVICES[name]["depends_on"]["airflow-init"] == {"condition": "service_completed_successfully"}
    waits_for = SERVICES["airflow-init"]["depends_on"]
    assert waits_for == {database: {"condition": "service_healthy"} for database in POSTGRES}


def test_sample_data_is_loaded_only_when_asked_for() -> None:
    assert {name for name, service in SERVICES.items() if "profiles" in service} == {"demo-data"}


@pytest.mark.parametrize("name", ["airflow-scheduler", "airflow-dag-processor", "redis", "postgres-metadata"])
def test_what_does_not_open_the_nightjar_databases_does_not_know_their_passwords(name: str) -> None:
    assert not re.search("NIGHTJAR_(DEV|PROD)", str(environment(name)))


@pytest.mark.parametrize("name", ["airflow-apiserver", "airflow-worker", "airflow-init", "demo-data"])
def test_connections_and_command_line_mean_the_same_databases(name: str) -> None:
    values = environment(name)
    for which in ("DEV", "PROD"):
        assert values[f"AIRFLOW_CONN_NIGHTJAR_{which}"] == values[f"NIGHTJAR_{which}_URL"]
        assert f"@postgres-{which.lower()}:5432/nightjar" in values[f"NIGHTJAR_{which}_URL"]


def test_ports_of_the_host_are_closed_to_the_network_unless_opened() -> None:
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(ports) == {"postgres-dev", "postgres-prod", "airflow-apiserver"}
    for port in (port for published in ports.values() for port in published):
        assert re.match(r"\$\{\w+_ADDRESS:-127\.0\.0\.1\}:", port)


def test_every_secret_is_a_required_variable() -> None:
    secrets = [
        (name, key, value) for name in SERVICES for key, value in environment(name).items() if SECRET_NAME.search(key)
    ]
    assert {"POSTGRES_PASSWORD", "REDISCLI_AUTH", "AIRFLOW_ADMIN_PASSWORD", "AIRFLOW__CORE__FERNET_KEY"} <= {
        key for _, key, _ in secrets
    }
    literal = [(name, key) for name, key, value in secrets if not REQUIRED_VARIABLE.fullmatch(value)]
    assert literal == []


def test_no_url_holds_a_literal_password() -> None:
    passwords = URL_PASSWORD.findall(COMPOSE_TEXT)
    assert len(passwords) == 5
    assert [password for password in passwords if not REQUIRED_VARIABLE.fullmatch(password)] == []


def test_every_required_variable_is_in_the_example_and_empty_there() -> None:
    required = {match[1] for match in REQUIRED_VARIABLE.finditer(COMPOSE_TEXT)}
    shown = dict(re.findall(r"^(\w+)=(.*)$", ENV_EXAMPLE, re.MULTILINE))
    assert shown == dict.fromkeys(required, "")


def test_every_optional_variable_is_in_the_example_with_its_default() -> None:
    optional = {match[1]: match[2] for match in DEFAULTED_VARIABLE.finditer(COMPOSE_TEXT)}
    shown = dict(re.findall(r"^#(\w+)=(.*)$", ENV_EXAMPLE, re.MULTILINE))
    assert shown == optional


def test_every_variable_is_required_or_has_a_default() -> None:
    known = {
        match[1] for pattern in (REQUIRED_VARIABLE, DEFAULTED_VARIABLE) for match in pattern.finditer(COMPOSE_TEXT)
    }
    assert {match[1] or match[2] for match in ANY_VARIABLE.finditer(COMPOSE_TEXT)} == known


def test_each_secret_of_the_example_says_how_to_make_it() -> None:
    lines = ENV_EXAMPLE.splitlines()
    without = [line for above, line in pairwise(lines) if re.match(r"\w+=$", line) and "openssl rand" not in above]
    assert without == []


def test_filled_in_secrets_reach_neither_git_nor_the_image() -> None:
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert rules[0] == "*"
    let_in = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    copied = {source.rstrip("/") for source in re.findall(r"^COPY (?!--from)(\S+) ", DOCKERFILE, re.MULTILINE)}
    assert let_in == copied
