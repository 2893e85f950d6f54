"""What the Dagster UI offers to launch: forms with what a person fills in, and lists that are read at a glance."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import dagster as dg
import pytest
import yaml

from backfill_assets import LakeResource
from backfill_assets.orchestration.instance import tags
from tests.orchestration.webserver import REPOSITORY, Ask, asking

pytestmark = pytest.mark.dagster

# The next code location is one line: its module, the tables whose corrections it has, its consumers.
LOCATIONS = {
    "the example": ("backfill_assets.revenue.definitions", ("fct_daily_revenue",), ("intraday_revenue",)),
    "tables of others": ("tests.orchestration.others", ("sales", "Finance__eu__by_hour"), ()),
}
# Values that are wrong whatever the ledger says: the form of which job, the field, what was typed.
WRONG = {
    "an approval that is none": ("open_correction", ("approval",), "perhaps"),
    "an order of waves that is none": ("open_correction", ("waves", "order"), "random"),
    "a direction that is none": ("open_correction", ("expect", "sign"), "sideways"),
    "days a run in words": ("open_correction", ("waves", "max_days"), "many"),
    "one watcher in the place of a list": ("open_correction", ("watchers",), "finance"),
    "a field of the waves that is none": ("open_correction", ("waves", "size"), 5),
    "yes in words": ("approve", ("override",), "perhaps"),
    "a name that is a number": ("approve", ("by",), 7),
    "a field that is none": ("approve", ("reason",), "looked"),
    "one day in the place of a list": ("roll_back", ("days",), "2026-01-08"),
    "all days in words": ("roll_back", ("all_days",), "all"),
    "now in words": ("decommission", ("now",), "soon"),
    "the lake of somebody else": ("approve", None, {"lake": {"config": {"root": "/tmp/another"}}}),
}

FORM = """query($s: PipelineSelector!) { runConfigSchemaOrError(selector: $s) { ... on RunConfigSchema {
  rootDefaultYaml allConfigTypes { ... on CompositeConfigType { key fields { name description } } } } } }"""
VALID = """query($s: PipelineSelector!, $c: RunConfigData!) { isPipelineConfigValid(pipeline: $s, runConfigData: $c,
  mode: "default") { __typename ... on RunConfigValidationInvalid { errors { message } } } }"""
RESOURCES = """query($s: RepositorySelector!) { allTopLevelResourceDetailsOrError(repositorySelector: $s) {
  ... on ResourceDetailsList { results { name resourceType } } } }"""
LISTS = """query($s: RepositorySelector!) { repositoryOrError(repositorySelector: $s) { ... on Repository {
  jobs { name description tags { key value } } schedules { name description pipelineName }
  sensors { name description } assetNodes { assetKey { path } isExecutable groupName } } } }"""


@dataclass(frozen=True)
class Offered:
    """A code location as the webserver knows it."""

    ask: Ask
    tables: tuple[str, ...]
    consumers: tuple[str, ...]
    lists: Mapping[str, Any]

    def form(self, job: str, *assets: str) -> Any:
        """The launch form as it comes, and its types."""
        return self.ask(FORM, s=selector(job, assets))

    def refusals(self, job: str, assets: tuple[str, ...], config: Mapping[str, Any]) -> list[str]:
        """What the form says of a config before there is a run."""
        told = self.ask(VALID, s=selector(job, assets), c=config)
        return [error["message"] for error in told.get("errors", ())]


def selector(job: str, assets: tuple[str, ...] = ()) -> dict[str, Any]:
    chosen = {"assetSelection": [{"path": asset.split("/")} for asset in assets]} if assets else {}
    return {**REPOSITORY, "pipelineName": job, **chosen}


@pytest.fixture(scope="module", params=LOCATIONS)
def offered(request, tmp_path_factory):
    module, tables, consumers = LOCATIONS[request.param]
    home = str(tmp_path_factory.mktemp("home"))
    with dg.DagsterInstance.local_temp(home) as instance, asking(instance, module) as ask:
        yield Offered(ask, tables, consumers, ask(LISTS, s=REPOSITORY))


def launchable(offered: Offered) -> list[tuple[str, ...]]:
    """Every job with a form, and every executable asset by itself."""
    jobs = [(job["name"],) for job in offered.lists["jobs"] if job["name"] != "__ASSET_JOB"]
    paths = ["/".join(one["assetKey"]["path"]) for one in offered.lists["assetNodes"] if one["isExecutable"]]
    return [*jobs, *(("__ASSET_JOB", path) for path in paths)]


def test_every_form_can_be_launched_as_it_comes_and_shows_what_a_person_fills_in_and_nothing_else(offered):
    faults = []
    for job, *assets in launchable(offered):
        form = offered.form(job, *assets)
        config = yaml.safe_load(form["rootDefaultYaml"]) or {}
        if clutter := {name for name, value in config.items() if value} - {"ops"}:
            faults.append(f"{job} {assets} shows {sorted(clutter)}")
        if refused := offered.refusals(job, tuple(assets), config):
            faults.append(f"{job} {assets} refuses its own form: {refused}")
        faults += [f"{job} {assets} does not describe {name}" for name in undescribed(form, config)]
    assert faults == []


def undescribed(form: Any, config: Mapping[str, Any]) -> set[str]:
    """The fields of a form that nothing is said of."""
    said = {
        field["name"] for kind in form["allConfigTypes"] for field in kind.get("fields") or () if field["description"]
    }
    return set(_fields(config.get("ops", {}))) - said


def _fields(ops: Mapping[str, Any]) -> list[str]:
    def below(config: Any) -> list[str]:
        return (
            [name for key, value in config.items() for name in (key, *(below(value) if value else ()))]
            if isinstance(config, dict)
            else []
        )

    return [name for op in ops.values() for name in below(op["config"])]


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_right_is_refused_by_the_form_before_there_is_a_run(offered, case):
    what, field, value = WRONG[case]
    for table in offered.tables:
        job = (
            ("__ASSET_JOB", f"{table}__correction/{what}")
            if what == "open_correction"
            else (f"{table}__decide_{what}",)
        )
        config = yaml.safe_load(offered.form(*job)["rootDefaultYaml"])
        assert offered.refusals(job[0], job[1:], config) == []
        if field is None:
            config["resources"] = value
        else:
            (op,) = config["ops"].values()
            *way, last = ("config", *field)
            for name in way:
                op = op[name]
            op[last] = value
        assert offered.refusals(job[0], job[1:], config)


def test_decisions_stand_together_in_the_list_of_jobs_and_say_what_they_are(offered):
    jobs = sorted((job for job in offered.lists["jobs"] if job["name"] != "__ASSET_JOB"), key=lambda job: job["name"])
    kinds = {job["name"]: {tag["key"]: tag["value"] for tag in job["tags"]}.get(tags.KIND) for job in jobs}
    for table in offered.tables:
        own = [(name, kinds[name]) for name in kinds if name.startswith(f"{table}__")]
        together = [kind for kind, _ in groupby(kind for _, kind in own)]
        assert together.count("decision") == 1
        assert {name for name, kind in own if kind == "decision"} == {
            f"{table}__decide_{what}" for what in ("abandon", "approve", "decommission", "roll_back", "try_again")
        }
        assert [name for name, kind in own if kind == "board"] == [f"{table}__correction"]
        assert {kind for _, kind in own} == {"decision", "board", "routine"}


def test_everything_in_a_list_is_named_after_its_table_and_described_and_a_schedule_after_its_job(offered):
    for kind in ("jobs", "schedules", "sensors"):
        ours = [one for one in offered.lists[kind] if one["name"] != "__ASSET_JOB"]
        assert [one["name"] for one in ours if not one["description"]] == []
        assert [one["name"] for one in ours if not one["name"].startswith(offered.tables + offered.consumers)] == []
    told = {one["name"]: one["pipelineName"] for one in offered.lists["schedules"]}
    assert told == {f"{job}_schedule": job for job in told.values()}


def test_a_resource_that_no_form_asks_for_is_named_in_the_page_of_resources_and_takes_its_environment(
    offered, monkeypatch
):
    told = {one["name"]: one["resourceType"] for one in offered.ask(RESOURCES, s=REPOSITORY)["results"]}
    assert told["lake"].endswith(".LakeResource")

    @dg.op
    def look(lake: LakeResource) -> str:
        return lake.root

    @dg.job(resource_defs={"lake": LakeResource(root=dg.EnvVar("SOMEBODYS_LAKE"))})
    def looks() -> None:
        look()

    monkeypatch.setenv("SOMEBODYS_LAKE", "/srv/lake")
    assert looks.execute_in_process().output_for_node("look") == "/srv/lake"


def test_both_lanes_and_the_way_in_are_in_one_group_whose_name_begins_with_the_table(offered):
    groups: dict[str, set[str]] = {}
    for one in offered.lists["assetNodes"]:
        groups.setdefault(one["assetKey"]["path"][0], set()).add(one["groupName"])
    for table in offered.tables:
        assert groups[f"{table}__correction"] == {f"{table}__correction"}
