"""What can be proven of a correction to somebody who trusts nobody, by its ledger, certificates, files and table."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from backfill_assets.core.certificate import Certificate
from backfill_assets.core.events import Event
from backfill_assets.core.facts import Validated
from backfill_assets.core.fold import history
from backfill_assets.core.sealed import NOTHING_BEFORE, broken_in, sealed_from
from backfill_assets.errors.base import BackfillAssetsError, counted
from backfill_assets.errors.request import CorrectionUnknown
from backfill_assets.runbook.attesting_files import FilesFound, check_files
from backfill_assets.runbook.attesting_swaps import SwapsFound, check_swaps
from backfill_assets.storage.attested import LoggedSwap, ledger_rows, logged_swaps
from backfill_assets.storage.records import Records

_DIGEST_IN_NOTICE = re.compile(r"with the digest `([0-9a-f]{64})`")


@dataclass(frozen=True, slots=True)
class Attested:
    """What was proven of a correction, what could not be, and what is ``wrong``, each in sentences.

    Events from ``sealed_from`` on carry digests, None where none does; ``head`` is the digest of the last.
    """

    correction: str
    table: str = ""
    events: tuple[Event, ...] = ()
    sealed_from: int | None = None
    certificates: Mapping[str, Certificate] = field(default_factory=dict[str, Certificate])
    files: FilesFound = field(default_factory=FilesFound)
    swaps: SwapsFound = field(default_factory=SwapsFound)
    wrong: tuple[str, ...] = ()

    @property
    def head(self) -> str:
        """The digest of the last event; empty where it has none."""
        return self.events[-1].digest if self.events else ""

    @property
    def unproven(self) -> tuple[str, ...]:
        """What could be neither proven nor refuted."""
        told = (*self.files.unproven, *self.swaps.unproven)
        if self.sealed_from == 1 or self.wrong:
            return told
        last = len(self.events) if self.sealed_from is None else self.sealed_from - 1
        since = "are proven by nothing" if self.sealed_from is None else f"are as they were at event {last + 1}"
        return (f"Events 1 to {last} were written before events had digests, and {since}.", *told)

    @property
    def told(self) -> str:
        """What was proven, or the first thing that is wrong, in one line."""
        if self.wrong:
            return f"Correction {self.correction} is not attested. {self.wrong[0]}"
        until = f" up to the digest {self.head}" if self.head else ""
        files, swaps = len(self.files.digests), len(self.swaps.commits)
        return (
            f"Correction {self.correction} of {self.table} is attested. {counted(len(self.events), 'event')} of its "
            f"ledger{until}, {counted(len(self.certificates), 'certificate')}, {counted(files, 'file')} "
            f"by content, and {counted(swaps, 'swap')} in the log of its table agree."
        )


def attest(records: Records, correction: str, head: str = "") -> Attested:
    """Compare everything that is written down about a correction with everything else, without changing any of it.

    ``head`` is a digest that somebody outside holds, such as that of a notice: the ledger has to have its event.

    Raises:
        CorrectionUnknown: when the ledger has none of that id.
    """
    rows = ledger_rows(records)
    own = [row for row in rows if row["correction"] == correction]
    if not own:
        raise CorrectionUnknown(correction, {row["correction"] for row in rows})
    if broken := broken_in(rows):
        return Attested(correction, wrong=tuple(broken))
    events = records.ledger.events(correction)
    table = own[0]["table"]
    live = records.newest(table)
    logged = logged_swaps(live, correction) if live else ()
    certificates, wrong = _certificates(records, events)
    wrong += _lost(records, correction, events, logged, head)
    files = check_files(records, events, certificates)
    swaps = check_swaps(records.ledger.manifests_of(correction), events, live, logged)
    return Attested(
        correction,
        table,
        events,
        sealed_from(own),
        certificates,
        files,
        swaps,
        wrong=(*wrong, *files.wrong, *swaps.wrong),
    )


def _certificates(records: Records, events: Sequence[Event]) -> tuple[dict[str, Certificate], list[str]]:
    """The certificates that the ledger names, by digest, and what is wrong with any."""
    found: dict[str, Certificate] = {}
    wrong: list[str] = []
    for place, event in enumerate(events):
        if not isinstance(event.fact, Validated):
            continue
        try:
            certificate = records.certificates.find(event.fact.certificate)
        except BackfillAssetsError as error:
            wrong.append(str(error))
            continue
        found[event.fact.certificate] = certificate
        wrong += _disagreeing(event, event.fact, certificate, history(events[: place + 1]).plan.digest)
    return found, wrong


def _disagreeing(event: Event, said: Validated, certificate: Certificate, plan: str) -> Iterable[str]:
    """What an event says of its validation that its certificate does not."""
    pairs = {
        "correction": (event.correction, certificate.correction),
        "plan": (plan, certificate.plan),
        "result": (said.passed, certificate.passed),
        "changed days": (tuple(said.compared.changed), certificate.changed_days),
    }
    for what, (told, certified) in pairs.items():
        if told != certified:
            yield f"Event {event.sequence} tells another {what} than its certificate {said.certificate}."


def _lost(
    records: Records, correction: str, events: Sequence[Event], logged: Sequence[LoggedSwap], head: str
) -> list[str]:
    """Digests that others have of events, and the ledger has not any more."""
    known = {event.digest for event in events} | {"", NOTHING_BEFORE}
    held = [(digest, f"certificate {name}") for name, digest in records.certificates.heads(correction).items()]
    for delivery in records.outbox.deliveries(correction):
        notice = delivery.notice
        held += [(digest, f"notice {notice.name}") for digest in _DIGEST_IN_NOTICE.findall(notice.body)]
    held += [(swap.head, f"commit {swap.commit} of the table") for swap in logged]
    held += [(head, "whoever gave it")] if head else []
    lost = [f"The ledger has no event with the digest {one}, which {by} holds." for one, by in held if one not in known]
    return list(dict.fromkeys(lost))
