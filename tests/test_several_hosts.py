"""The configuration that docs/several-hosts.md ships for several hosts, and the values for Dagster's chart."""

import copy
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.postgres import Database

ROOT = Path(__file__).parent.parent
VALUES: dict[str, Any] = yaml.safe_load((ROOT / "docs/kubernetes-values.yaml").read_text())
SCHEMA: dict[str, Any] = json.loads((ROOT / "tests/helm_values.schema.json").read_text())
CHART = jsonschema.Draft7Validator(SCHEMA)
SHIPPED: dict[str, Any] = yaml.safe_load((ROOT / "docs/dagster-postgres.yaml").read_text())
HOUSE: dict[str, Any] = yaml.safe_load((ROOT / "dagster.yaml").read_text())
LAST_RESORT = "max_runtime_seconds"


def test_hosts_that_share_a_lake_have_the_limits_of_one_alone() -> None:
    limits = {name: value for name, value in SHIPPED.items() if name != "storage"}
    monitored = {name: value for name, value in limits["run_monitoring"].items() if name != LAST_RESORT}

    assert {**limits, "run_monitoring": monitored} == HOUSE
    assert SHIPPED["run_monitoring"][LAST_RESORT] > 3600


def test_the_database_is_told_by_the_environment_alone_and_the_document_names_it() -> None:
    database = SHIPPED["storage"]["postgres"]["postgres_db"]
    read = {value["env"] for value in database.values() if isinstance(value, dict)}
    document = (ROOT / "docs/several-hosts.md").read_text()

    assert [name for name, value in database.items() if not isinstance(value, dict)] == ["scheme"]
    assert read == {*Database(5432).environment}
    assert read <= {*re.findall(r"export (\w+)=", document)}


def test_the_values_are_those_of_the_chart() -> None:
    CHART.check_schema(SCHEMA)

    assert [error.message for error in CHART.iter_errors(VALUES)] == []


def snake(name: str) -> str:
    return re.sub("([A-Z])", lambda letter: f"_{letter[1].lower()}", name)


def spelled_as_dagster_does(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {snake(name): spelled_as_dagster_does(one) for name, one in value.items()}
    return [spelled_as_dagster_does(one) for one in value] if isinstance(value, list) else value


def test_the_limits_of_the_values_are_those_of_one_host() -> None:
    concurrency = spelled_as_dagster_does(VALUES["concurrency"])
    daemon = spelled_as_dagster_does(VALUES["dagsterDaemon"])

    assert concurrency.pop("enabled") is True
    assert concurrency == HOUSE["concurrency"]
    assert daemon["run_coordinator"]["config"]["queued_run_coordinator"] == HOUSE["run_queue"]
    assert daemon["run_monitoring"]["enabled"] is True
    assert VALUES["runLauncher"]["type"] == "K8sRunLauncher"


def test_the_chart_that_is_named_is_of_the_dagster_that_is_pinned() -> None:
    (named,) = re.findall(r"dagster/dagster --version (\S+)", (ROOT / "docs/kubernetes-values.yaml").read_text())

    assert f"dagster=={named}" in (ROOT / "constraints.txt").read_text().splitlines()


DEPLOYMENT = ("dagster-user-deployments", "deployments", 0)
MISSPELLED: dict[str, tuple[tuple[str | int, ...], str]] = {
    "the database": (("postgresql",), "postgressql"),
    "the host of the database": (("postgresql", "postgresqlHost"), "postgresqlHostname"),
    "the secret of its password": (("global", "postgresqlSecretName"), "postgresqlSecret"),
    "the code location": (("dagster-user-deployments",), "dagsterUserDeployments"),
    "its secrets": ((*DEPLOYMENT, "envSecrets"), "envSecret"),
    "the name of a secret": ((*DEPLOYMENT, "envSecrets", 0, "name"), "secretName"),
    "what runs are given": ((*DEPLOYMENT, "includeConfigInLaunchedRuns"), "includeConfigInRuns"),
    "the launcher": (("runLauncher", "config", "k8sRunLauncher"), "k8sLauncher"),
    "whether images are pulled": (("runLauncher", "config", "k8sRunLauncher", "imagePullPolicy"), "pullPolicy"),
    "the pools": (("concurrency", "pools"), "pool"),
    "the limit of a pool": (("concurrency", "pools", "defaultLimit"), "default_limit"),
    "the runs at once": (("concurrency", "runs", "maxConcurrentRuns"), "maxConcurrent"),
    "the limits by tag": (("concurrency", "runs", "tagConcurrencyLimits", 0, "limit"), "max"),
    "the queue": (("dagsterDaemon", "runCoordinator"), "runQueue"),
    "the monitoring": (("dagsterDaemon", "runMonitoring"), "monitoring"),
    "how often it looks": (("dagsterDaemon", "runMonitoring", "pollIntervalSeconds"), "pollInterval"),
}
"""Where a key of the values is, and how it could be misspelled."""


@pytest.mark.parametrize(("path", "wrong"), MISSPELLED.values(), ids=MISSPELLED)
def test_a_misspelled_key_is_none_of_the_charts(path: tuple[str | int, ...], wrong: str) -> None:
    values: Any = copy.deepcopy(VALUES)
    holder = values
    for part in path[:-1]:
        holder = holder[part]
    holder[wrong] = holder.pop(path[-1])

    assert any(f"'{wrong}' was unexpected" in error.message for error in CHART.iter_errors(values))
