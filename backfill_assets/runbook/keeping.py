"""How long what corrections need is kept, and what of it ends soon: what the daily check and the command tell."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from backfill_assets.core.retention import Ending, Kept, Retention, StillCorrectable, ending
from backfill_assets.runbook.context import StepContext
from backfill_assets.runbook.still_correctable import days_of_source, might_be_needed, still_correctable
from backfill_assets.sources.keeping import Keeping

BY_DAY = (Kept.RAW, Kept.RATES, Kept.LEDGER)


@dataclass(frozen=True, slots=True)
class Outlook:
    """The policy of a table's sources, which slots can be corrected, and what comes to its end."""

    retention: tuple[Retention, ...]
    days: StillCorrectable
    endings: tuple[Ending, ...]

    @property
    def wanted(self) -> tuple[Ending, ...]:
        """Those ends that come while somebody might still need the days."""
        return tuple(one for one in self.endings if one.needed)

    @property
    def sentences(self) -> Sequence[str]:
        """What ends while it might be needed, the largest window, and what else ends."""
        others = [one.sentence for one in self.endings if not one.needed]
        return [*(one.sentence for one in self.wanted), self.days.sentence, *others]

    def as_json(self) -> dict[str, Any]:
        """All of it, JSON-ready."""
        endings = [
            {
                "source": one.retention.source,
                "first": str(one.days[0]),
                "last": str(one.days[-1]),
                "until": str(one.retention.ends(one.days[0])),
                "needed": [str(day) for day in one.needed],
            }
            for one in self.endings
        ]
        return {
            **self.days.as_json(),
            "retention": [one.as_json() for one in self.retention],
            "endings": endings,
            "told": list(self.sentences),
        }


def outlook(ctx: StepContext, keeping: Keeping, *, looks_for_files: bool = True) -> Outlook:
    """What is kept of a table's sources and how long, what can be corrected with it, and what ends soon."""
    today, needed = ctx.now.date(), might_be_needed(ctx)
    found = [
        ending(one, days_of_source(ctx, one.source), needed, today)
        for one in keeping.retention
        if one.what in BY_DAY and not one.is_for_ever
    ]
    days = still_correctable(ctx, looks_for_files=looks_for_files)
    return Outlook(keeping.retention, days, tuple(one for one in found if one is not None))
