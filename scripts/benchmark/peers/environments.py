"""Environments of the peers, each beside the others: their pins do not go together, nor with ours."""

import subprocess
import sys
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from benchmark.figures import ROOT

PLACE = ROOT / "build" / "peers"
PINS: Mapping[str, tuple[str, ...]] = {
    "sqlmesh": ("sqlmesh==0.236.4", "duckdb==1.4.5"),
    "dagster": ("dagster==1.13.27", "dagster-deltalake-polars==0.29.27", "deltalake==1.6.6", "polars==2.1.0"),
    "datacompy": ("datacompy==1.1.0", "polars==1.33.1"),
}


def python_of(peer: str) -> Path:
    """The Python of a peer, which is installed the first time.

    Raises:
        SystemExit: when it cannot be installed; nothing was measured.
    """
    folder = PLACE / peer
    pins = PINS[peer]
    mark, wanted = folder / ".installed", sha256("\n".join(pins).encode()).hexdigest()
    if not mark.is_file() or mark.read_text() != wanted:
        print(f"Installing {', '.join(pins)} into {folder.relative_to(ROOT)} (once) …", file=sys.stderr)
        _run([sys.executable, "-m", "venv", "--clear", str(folder)])
        _run([str(folder / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *pins])
        mark.write_text(wanted)
    return folder / "bin" / "python"


def _run(command: list[str]) -> None:
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise SystemExit(f"{' '.join(command)} failed, and nothing was measured.\n{ran.stderr[-2000:]}")
