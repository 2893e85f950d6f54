"""Run the soak: ``scripts/soak [--histories N] [--kills N] [--seed S] [--only PART …]``."""

import argparse
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from tests.soak.parts import PARTS, Part
from tests.soak.tally import Asked, Tally

TABLE = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGINS, ENDS = "<!-- soak: begins -->", "<!-- soak: ends -->"
HEAD = ("part", "tried", "of known", "violations", "seed", "commit", "day")


def main() -> int:
    """Run the parts that were asked for, write the table, and close with one line."""
    asked = _arguments()
    tallies: dict[str, Tally] = {}
    for part in PARTS:
        if asked.only and part.name not in asked.only:
            continue
        print(f"soak: {part.name}: {part.what}, seed {asked.seed}", flush=True)
        number = {"histories": asked.histories, "kill rounds": asked.kills}.get(part.name)
        tally = part.run(Asked(number, asked.seed), lambda line: print(f"soak:   {line}", flush=True))
        tallies[part.name] = tally
        for violation in tally.violations:
            print(f"soak:   VIOLATION {violation}", flush=True)
    if not asked.no_table:
        TABLE.write_text(_with_rows(TABLE.read_text(), tallies, asked.seed))
    print(_closing(tallies))
    return 1 if any(tally.violations for tally in tallies.values()) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/soak", description=sys.modules["tests.soak"].__doc__)
    parser.add_argument("--histories", type=int, default=5000, help="how many histories of the state machine")
    parser.add_argument("--kills", type=int, default=200, help="how many rounds of real processes that are killed")
    parser.add_argument(
        "--seed", type=int, default=int.from_bytes(os.urandom(3)), help="draws everything again as it was"
    )
    parser.add_argument("--only", action="append", choices=[part.name for part in PARTS], help="this part alone")
    parser.add_argument("--no-table", action="store_true", help="leave docs/reliability.md as it is")
    return parser.parse_args()


def _closing(tallies: dict[str, Tally]) -> str:
    none = Tally(0, 0)
    histories, kills = tallies.get("histories", none), tallies.get("kill rounds", none)
    faults = [tally for name, tally in tallies.items() if name in ("fault points", "forgetting-disk points")]
    tried, known = sum(one.tried for one in faults), sum(one.known or 0 for one in faults)
    violations = sum(len(tally.violations) for tally in tallies.values())
    return (
        f"soak: {histories.tried} histories, {tried} fault points of {known}, "
        f"{kills.tried} kill rounds, {violations} violations"
    )


def _with_rows(page: str, tallies: dict[str, Tally], seed: int) -> str:
    """The page with the rows of the parts that ran; those of the others stay as they were."""
    before, rest = page.split(BEGINS)
    old, after = rest.split(ENDS)
    rows = {line.split("|")[1].strip(): line for line in old.strip().splitlines()[2:]}
    for part in PARTS:
        if part.name in tallies:
            rows[part.name] = _row(part, tallies[part.name], seed)
    lines = [_line(HEAD), _line(["---"] * len(HEAD)), *(rows[part.name] for part in PARTS if part.name in rows)]
    return "\n".join([before + BEGINS, *lines, ENDS + after])


def _row(part: Part, tally: Tally, seed: int) -> str:
    known = "without end" if tally.known is None else f"{tally.known:,}"
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True).stdout
    day = datetime.now(UTC).date()
    return _line([part.name, f"{tally.tried:,}", known, len(tally.violations), seed, commit.strip(), day])


def _line(cells) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"


if __name__ == "__main__":
    sys.exit(main())
