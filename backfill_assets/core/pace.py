"""The pace of a staging, which somebody may change while it runs: how many waves at once, and whether any begins."""

from dataclasses import dataclass, replace

from backfill_assets.core.facts import Paced
from backfill_assets.core.progress import Progress, Staging


@dataclass(frozen=True, slots=True)
class Paused:
    """No wave begins until somebody resumes the staging; ``by`` says who has paused it, and why."""

    by: str


def width(progress: Progress) -> int:
    """How many waves may run side by side: what was set last, or what the request says."""
    return progress.staging.at_once or progress.plan.request.waves.at_once


def paced(staging: Staging, actor: str, fact: Paced) -> Staging:
    """The staging after somebody has changed its pace; what the fact does not speak of is as before."""
    by = f"{actor}, {fact.note}" if fact.note else actor
    paused_by = {None: staging.paused_by, True: by, False: ""}[fact.paused]
    return replace(staging, at_once=staging.at_once if fact.at_once is None else fact.at_once, paused_by=paused_by)
