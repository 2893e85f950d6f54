"""What ``scripts/bench`` says, for whoever reads it by program, and that its measurements run."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NAMED = {
    "staging_vs_floor",
    "validation_vs_floor",
    "verification_vs_floor",
    "correction_vs_sqlmesh",
    "staging_vs_dagster_per_partition",
    "cut_over_vs_rewrite",
    "cut_over_vs_log_entry",
    "comparison_vs_datacompy",
    "dagster_share_per_wave_s",
    "growth",
}


@pytest.fixture(autouse=True)
def scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))


def test_every_figure_of_the_contract_can_be_asked_for():
    from benchmark.measures import NAMES

    assert {*NAMES} == NAMED


def test_a_figure_is_told_as_ours_theirs_and_their_ratio():
    from benchmark.figures import Figure
    from benchmark.measures import as_json

    figure = Figure("x", [1.0, 2.0, 6.0], [2.0, 4.0, 4.0], "something", limit=0.4)

    assert json.loads(as_json([figure])) == {
        "figures": [
            {
                "name": "x",
                "ours_s": 2.0,
                "theirs_s": 4.0,
                "ratio_median": 0.5,
                "ratio_min": 0.5,
                "ratio_max": 1.5,
                "what": "something",
            }
        ]
    }
    assert figure.row()[6] == "no"
    assert replace(figure, limit=0.5).row()[6] == "yes"


def test_a_whole_run_is_written_between_its_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from benchmark import figures

    page = tmp_path / "performance.md"
    page.write_text(f"before\n{figures.BEGINS}\nold\n{figures.ENDS}\nafter\n")
    monkeypatch.setattr(figures, "PERFORMANCE", page)

    figures.write_down([figures.Figure("x", [0.002], [4.0], "something")])

    lines = page.read_text().splitlines()
    assert (lines[0], lines[-1]) == ("before", "after")
    assert "| x | 2 ms | 4.00 s | 0.0005 | 0.0005 to 0.0005 |  |  | something |" in lines
    assert "old" not in lines
    assert figures.BEGINS in figures.PERFORMANCE.read_text()


def test_the_page_of_figures_has_its_marks():
    from benchmark.figures import BEGINS, ENDS, PERFORMANCE

    text = PERFORMANCE.read_text()
    assert text.index(BEGINS) < text.index(ENDS)


def test_a_process_that_fails_says_why_and_nothing_is_measured():
    from benchmark.processes import timed

    with pytest.raises(SystemExit, match="no such luck"):
        timed([sys.executable, "-c", "raise SystemExit('no such luck')"], {})


def test_swaps_are_measured_each_beside_a_rewrite_and_a_log_entry(tmp_path: Path):
    from benchmark.made import environment_of
    from benchmark.processes import told

    environment = {**environment_of(tmp_path, 4), "BENCH_PLACE": str(tmp_path), "PYTHONPATH": f"{ROOT}:{ROOT}/scripts"}
    found = told("benchmark.swaps", environment, "4", "8", "2", "2")

    assert {way: len(seconds) for way, seconds in found.items()} == {"swap": 2, "rewrite": 2, "entry": 2}
    assert all(second > 0 for seconds in found.values() for second in seconds)


@pytest.mark.slow
def test_a_correction_of_the_made_lake_is_measured_and_taken_back(tmp_path: Path):
    """The floor and the correction are of the same files, and the next round finds the table as wrong."""
    from benchmark.made import environment_of
    from benchmark.processes import told

    environment = {**environment_of(tmp_path, 4), "PYTHONPATH": f"{ROOT}:{ROOT}/scripts", "BACKFILL_SYNC": "off"}
    told("benchmark.made", environment, "3", "40")

    for _ in range(2):
        found = told("benchmark.correction", environment)
        assert found["failed"] == 0
        assert 0 < found["ready"] < found["staging"] < found["staged"] < found["over"]
        assert min(found[name] for name in ("verify_source", "validate", "cut_over", "pages")) > 0
    assert told("benchmark.floor", environment, str(tmp_path))["compute"] > 0
