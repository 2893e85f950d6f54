"""The lake: tables, swaps, ledger, watermarks."""
