"""The lake as a Dagster resource: where it is, what time it is, and which code is running."""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field, PrivateAttr

from backfill_assets.errors.base import holds_secret
from backfill_assets.errors.setup import SecretGiven
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.clock import now_utc
from backfill_assets.orchestration.instance.pulses import begin
from backfill_assets.orchestration.instance.runs import living_in_this, process_of, process_of_this_run
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.records import Records

# What names of options say of what is secret, in the words of the stores.
SECRET = re.compile(r"secret|token|password|credential|account_key|access_key$|sas|signature", re.IGNORECASE)


def secrets_in(options: Mapping[str, object]) -> list[str]:
    """The options that give a secret as it is: those that are called one, and addresses with a password."""
    given = {name: value for name, value in options.items() if not isinstance(value, dg.EnvVar)}
    return [name for name, value in given.items() if SECRET.search(name) or holds_secret(str(value))]


class FixedResource(dg.ConfigurableResource):
    """A resource whose fields are given where definitions are made: no launch form asks for them, and no run sets them.

    Dagster puts every field of a resource with defaults into each launch form; a person would have to tell the few
    that are asked for from those that nobody may change.
    """

    _fixed: dg.ResourceDefinition | None = PrivateAttr(default=None)

    def get_resource_definition(self) -> Any:
        """What Dagster makes of it, with all fields bound."""
        if self._fixed is None:
            made = super().get_resource_definition()
            # Said once more: inside another resource Dagster takes what is bound here, and no default.
            bound = made.config_schema.default_value if made.config_schema.default_provided else {}
            # Made anew, since a copy by Dagster is of a plain class, for which its page of resources has no name.
            self._fixed = type(made)(
                made.configurable_resource_cls,
                made.resource_fn,
                made.configured(bound, {}).config_schema,
                made.description,
                made.nested_resources,
                made.nested_partial_resources,
            )
        return self._fixed


class LakeResource(FixedResource):
    """The root of the lake, a path or an object-store URI.

    Empty fields are taken from the environment when a run needs them: ``BACKFILL_LAKE`` (default ``data/lake``)
    and ``BACKFILL_NOW``, which stands in for the clock in demonstrations.
    """

    root: str = Field(default="", description="Path or URI of the lake; empty takes BACKFILL_LAKE or data/lake.")
    storage_options: dict[str, str] = Field(
        default={},
        description="Object-store options as delta-rs takes them, such as AWS_ENDPOINT_URL; dg.EnvVar for secret ones.",
        repr=False,
    )
    variables: dict[str, str] = Field(
        default={}, description="The variables of the environment that options were read from; told by themselves."
    )

    def __init__(self, **given: Any) -> None:
        options = given.get("storage_options") or {}
        read = {name: value.env_var_name for name, value in options.items() if isinstance(value, dg.EnvVar)}
        super().__init__(**{**given, "variables": {**(given.get("variables") or {}), **read}})

    def get_resource_definition(self) -> Any:
        """What Dagster makes of it, which it keeps in clear with every run.

        Raises:
            SecretGiven: when an option that is secret is given as it is.
        """
        if secret := [*secrets_in(self.storage_options), *(["root"] if holds_secret(self.root) else [])]:
            raise SecretGiven(secret)
        return super().get_resource_definition()

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Tag the run with the process it lives in, and give that a pulse, so that its end is detected.

        The pulse goes on until the process ends: with a teardown Dagster would refuse the resource in contexts that are
        built by hand.
        """
        if context.run is None or context.instance is None:
            return
        run_id = context.run.run_id
        begin(context.instance, process_of_this_run())
        if not process_of(run_id, context.run.tags.get(tags.PROCESS, "")):
            context.instance.add_run_tags(run_id, {tags.PROCESS: living_in_this(run_id)})

    def lake(self) -> Lake:
        """The layout of the lake."""
        return Lake(place(self.root, "BACKFILL_LAKE", "data/lake"), dict(self._read_options()))

    def _read_options(self) -> Iterator[tuple[str, str]]:
        for name, value in self.storage_options.items():
            read = value.get_value() if isinstance(value, dg.EnvVar) else value
            if read is not None:
                yield name, read

    def records(self) -> Records:
        """The records of the lake."""
        return Records(self.lake())

    def now(self) -> datetime:
        """The time, UTC."""
        return now_utc()


def place(given: str, variable: str, default: str) -> str:
    """A place: as given, else from the environment, else the default; a path is made absolute."""
    root = given or os.environ.get(variable) or default
    return root.rstrip("/") if "://" in root else str(Path(root).absolute())


@cache
def git_commit(folder: str = str(Path(__file__).parent)) -> str:
    """The commit of the running code, empty outside a checkout."""
    told = os.environ.get("BACKFILL_GIT_COMMIT")
    if told:
        return told
    try:
        found = subprocess.run(  # noqa: S603 - no shell, nothing given from outside
            ["git", "-C", folder, "rev-parse", "--short=12", "HEAD"],  # noqa: S607 - git is found as anywhere
            capture_output=True,
            text=True,
            check=False,
            timeout=5,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return found.stdout.strip()


def actor_of(run_tags: Mapping[str, str]) -> str:
    """Who launched a run, as far as its tags tell."""
    named = ("user", "dagster/schedule_name", "dagster/sensor_name")
    return next((run_tags[name] for name in named if run_tags.get(name)), "dagster")
