"""Mutants written by hand, one or more for each numbered rule of the lake; and survivors that change nothing.

``tests/kinds/test_mutants_known.py`` sees that every text still stands in the code.
"""

from dataclasses import dataclass
from pathlib import Path

from mutants_sites import Mutant


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule broken in one place: a text that stands once in a file, and what stands there instead."""

    number: int
    broken: str
    file: str
    old: str
    new: str

    def mutant(self, tree: Path) -> Mutant:
        """The change, in the text as it is now."""
        raw, old = (tree / self.file).read_bytes(), self.old.encode()
        start = raw.index(old)
        line = raw[:start].count(b"\n") + 1
        last = line + self.old.rstrip("\n").count("\n")
        return Mutant(self.file, line, last, f"rule {self.number}", start, start + len(old), self.new)


RULES = (
    Rule(
        1,
        "a swap does not look at what live holds",
        "backfill_assets/storage/swap.py",
        "if strange := _otherwise(snapshot, held):",
        "if strange := list[date]():",
    ),
    Rule(
        1,
        "a commit is tried again by delta-rs",
        "backfill_assets/storage/commits.py",
        "            max_commit_retries=0,\n            app_transactions",
        "            max_commit_retries=15,\n            app_transactions",
    ),
    Rule(
        2,
        "a commit is made from a newer handle than the one that was decided on",
        "backfill_assets/storage/table.py",
        "attempt(snapshot, decision.write)",
        "attempt(self.snapshot(), decision.write)",
    ),
    Rule(
        3,
        "a burnt number reads as done, by the counter alone",
        "backfill_assets/storage/swap_numbers.py",
        "if own := live.transaction_version(app_id(correction, swap_count)):",
        "if own := 0:",
    ),
    Rule(
        3,
        "a swap that happened is committed again",
        "backfill_assets/storage/swap_numbers.py",
        "return Fate.SWAPPED if counted(live, correction) >= swap_count else Fate.UNDECIDED",
        "return Fate.UNDECIDED",
    ),
    Rule(
        4,
        "days that did not change are swapped as well",
        "backfill_assets/runbook/validating.py",
        "changed = frozenset(comparison.changed_days) | (days - live.days)",
        "changed = days",
    ),
    Rule(
        5,
        "files enter without statistics",
        "backfill_assets/storage/actions.py",
        "self.modified, data_change, self.stats)",
        'self.modified, data_change, "{}")',
    ),
    Rule(
        5,
        "paths go from log to log as they are written there",
        "backfill_assets/storage/actions.py",
        'return f"{_folder(folder)}{slash}{unquote(name)}"',
        'return f"{folder}{slash}{name}"',
    ),
    Rule(
        5,
        "a swap is not looked at after its commit",
        "backfill_assets/storage/swap.py",
        "wrong := live.read_back(commit.number, lambda there: _otherwise(there, planned))",
        "wrong := list[date]()",
    ),
    Rule(
        6,
        "a new column is not added before the commit that has it",
        "backfill_assets/storage/table.py",
        "            if lacking:\n                self.add_nullable_columns()\n                continue\n",
        "",
    ),
    Rule(
        7,
        "the manifest does not say what was retired",
        "backfill_assets/storage/swap.py",
        '"retired": [file.as_json() for file in self.retired],',
        '"retired": [],',
    ),
    Rule(
        7,
        "a plan is written without its manifest",
        "backfill_assets/runbook/swapping.py",
        "        if ctx.record_next(progress, planned, manifest=manifest):\n",
        "        if ctx.record_next(progress, planned):\n",
    ),
    Rule(
        8,
        "a commit is told of before it is on disk",
        "backfill_assets/storage/commits.py",
        "    force_written(folder, number)\n    info",
        "    info",
    ),
    Rule(
        8,
        "the entry that was read, and data files, are not forced before the commit",
        "backfill_assets/storage/commits.py",
        "    force_read(folder, number - 1, [file.path for file in change.adds if file.is_new])\n",
        "",
    ),
    Rule(
        9,
        "a number is not burnt before its refusal is recorded",
        "backfill_assets/runbook/settling.py",
        "isinstance(error, SwapNumberTaken) or burn(live_table, correction, manifest.swap_count)",
        "True",
    ),
    Rule(
        9,
        "the table is not asked for what the ledger has as refused",
        "backfill_assets/runbook/settling.py",
        "            return admit_swapped(ctx, progress) or event\n",
        "            return event\n",
    ),
    Rule(
        10,
        "rows of a control table are in the order of the clocks that wrote them",
        "backfill_assets/storage/control.py",
        "self._order = [ROW_NUMBER, *(name for name, kind in schema.items() if isinstance(kind, pl.Datetime))]",
        "self._order = [*(name for name, kind in schema.items() if isinstance(kind, pl.Datetime)), ROW_NUMBER]",
    ),
    Rule(
        11,
        "the partition column is what the code says, not what the table says",
        "backfill_assets/storage/snapshot.py",
        "return tuple(self.handle.metadata().partition_columns)",
        "return (self.partition.name,)",
    ),
    Rule(
        12,
        "an entry that is empty or cut short is taken as it comes",
        "backfill_assets/storage/opening.py",
        "    refuse_damaged(folder, handle.version())\n",
        "",
    ),
    Rule(
        13,
        "a store that loses commits is written to",
        "backfill_assets/storage/probing.py",
        'if perform(Operation.COMMIT, f"{folder.uri}/{name}", lambda: _overwrites(folder, name)):',
        'if perform(Operation.COMMIT, f"{folder.uri}/{name}", lambda: _overwrites(folder, name)) and False:',
    ),
    Rule(
        13,
        "a commit does not read its own mark back",
        "backfill_assets/storage/commits.py",
        "    if info is not None and info.get(ATTEMPT) != mark:\n"
        "        return None  # Another writer's is in its place.\n",
        "",
    ),
    Rule(
        14,
        "a report partition without a record counts as built",
        "backfill_assets/storage/completeness.py",
        "if one is None or not one.is_of(live):\n            break",
        "if one is None:\n            continue\n        if not one.is_of(live):\n            break",
    ),
)


@dataclass(frozen=True, slots=True)
class Equivalent:
    """A change after which nothing that anybody can see is another: the lines that go, those that come, and why."""

    file: str
    old: str
    new: str
    why: str

    def is_of(self, mutant: Mutant, text: str) -> bool:
        """Whether a mutant is this change."""
        gone, came = self.sides(mutant, text)
        return (self.file, self.old, self.new) == (mutant.file, gone, came)

    @staticmethod
    def sides(mutant: Mutant, text: str) -> tuple[str, str]:
        """What goes and what comes, each on one line."""
        lines = mutant.diff(text)
        gone, came = ([line[1:].strip() for line in lines if line.startswith(sign)] for sign in "-+")
        return " ".join(gone), " ".join(came)


EQUIVALENT: tuple[Equivalent, ...] = ()
