"""The command line of ``scripts/bench``."""

import argparse
import sys

from rich.console import Console
from rich.table import Table

from benchmark.figures import HEAD, Figure, write_down
from benchmark.measures import NAMES, as_json, measured


def main() -> None:
    """Measure what is asked for, and print it; a whole run is written into ``docs/performance.md``."""
    options = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    options.add_argument("--quick", action="store_true", help="less of everything, in under six minutes")
    options.add_argument("--only", action="append", default=[], metavar="NAME", choices=NAMES, help=", ".join(NAMES))
    options.add_argument("--json", action="store_true", help="print the figures as JSON and nothing else")
    asked = options.parse_args()
    figures: list[Figure] = []
    for figure in measured(asked.only, is_quick=asked.quick):
        figures.append(figure)
        Console(stderr=True).print(f"{figure.name}: {figure.ratio:.3g}", highlight=False)
    if asked.json:
        print(as_json(figures))
    else:
        shown(figures)
    if not (asked.quick or asked.only):
        write_down(figures)


def shown(figures: list[Figure]) -> None:
    """Print the figures as a table, and under it what each is a figure of."""
    table, console = Table(*HEAD[:-1]), Console()
    for figure in figures:
        table.add_row(*figure.row()[:-1])
    console.print(table)
    for figure in figures:
        console.print(f"[bold]{figure.name}[/bold]: {figure.what}.", highlight=False)


if __name__ == "__main__":
    if sys.argv[1:] and not sys.argv[1].startswith("-"):
        import bench_parts

        bench_parts.main()
    else:
        main()
