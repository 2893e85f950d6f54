"""Landed files with bytes changed at random: each is taken in as others read it, or named; nothing breaks."""

import tempfile
from collections import Counter
from pathlib import Path

from tests.kinds.hostile_files import BASES, tried
from tests.soak.tally import Asked, Tally, Tell

INPUTS = 6_000
MEMORY = Path("/dev/shm")


def run(asked: Asked, tell: Tell) -> Tally:
    """Land so many files of each format, drawn by the seed."""
    number = (asked.number or INPUTS) // len(BASES)
    violations: list[str] = []
    for base in BASES:
        outcomes = Counter[str]()
        for at in range(number):
            with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as root:
                found = tried(Path(root), base, asked.seed * 1_000_000 + at, outcomes)
            violations += [found] if found else []
        counts = ", ".join(f"{outcomes[outcome]:,} {outcome}" for outcome in ("taken in", "refused", "violated"))
        tell(f"{base}: {number:,} files, {counts}")
    return Tally(number * len(BASES), None, tuple(violations))
