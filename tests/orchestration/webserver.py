"""What the webserver answers to the Dagster UI, asked in this process by its own GraphQL."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster_graphql.schema import create_schema

Ask = Callable[..., Any]
LOCATION = "here"
REPOSITORY = {"repositoryName": "__repository__", "repositoryLocationName": LOCATION}
SCHEMA = create_schema()


@contextmanager
def asking(instance: dg.DagsterInstance, module: str, attribute: str = "defs") -> Iterator[Ask]:
    """Ask what the UI asks of the definitions of a module; each answer is the data of the one field asked for."""
    target = LoadableTargetOrigin(module_name=module, attribute=attribute)
    origin = InProcessCodeLocationOrigin(target, location_name=LOCATION)
    with WorkspaceProcessContext(instance, InProcessWorkspaceLoadTarget(origin)) as workspace:

        def ask(query: str, **variables: Any) -> Any:
            context = workspace.create_request_context()
            told = asyncio.run(SCHEMA.execute_async(query, context_value=context, variable_values=variables))
            assert not told.errors, told.errors
            (answer,) = told.data.values()
            return answer

        yield ask
