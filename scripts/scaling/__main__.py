"""The command line of ``scripts/scale``."""

import argparse

from scripts.scaling.document import DOCUMENT, constants_of, measured_table, tables, with_tables


def main() -> None:
    """Compute every table anew from the constants in the document, or measure these first."""
    options = argparse.ArgumentParser(prog="scripts/scale", description=__doc__)
    options.add_argument("--measure", action="store_true", help="measure the constants first, in a minute or two")
    text = DOCUMENT.read_text()
    if options.parse_args().measure:
        from scripts.scaling.measuring import measured

        text = with_tables(text, {"measured": measured_table(measured())})
    DOCUMENT.write_text(with_tables(text, tables(constants_of(text))))
    print(f"{DOCUMENT.name} is as its constants have it.")


if __name__ == "__main__":
    main()
