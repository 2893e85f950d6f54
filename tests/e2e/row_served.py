"""The three tables that read each other, as a code location that Dagster loads by name."""

import dagster as dg

from tests.kinds.tables_in_a_row import location

defs = dg.Definitions.merge(location(), dg.Definitions(executor=dg.in_process_executor))
