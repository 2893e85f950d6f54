"""The adopted code location, whose runs take their steps in one process each."""

import dagster as dg

from tests.foreign.windfarm import adopted

defs = dg.Definitions.merge(adopted.defs, dg.Definitions(executor=dg.in_process_executor))
