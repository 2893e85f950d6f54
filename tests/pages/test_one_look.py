"""Colours, type and formats are written in one place each: other styles and pages take them from there."""

import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "backfill_assets"
SHELL = PACKAGE / "pages/templates/shell.css"
STYLES = sorted({*PACKAGE.rglob("*.css"), *PACKAGE.rglob("templates/*.html")} - {SHELL})
DRAWN = sorted({*(PACKAGE / "pages").glob("*.py"), *(PACKAGE / "web").glob("*.py"), PACKAGE / "core/notice.py"})
OF_A_LOOK = re.compile(r"--[a-z-]+ ?:|font-family|#[0-9a-f]{3,6}\b(?=;)|prefers-color-scheme")
OF_A_FORMAT = re.compile(r"[,+]\.\d+f|:[+,]+f|%[Bb] %Y|%Y-%m-%d|\\u2212|:\.\d%")


@pytest.mark.parametrize("style", STYLES, ids=[str(one.relative_to(PACKAGE)) for one in STYLES])
def test_colours_and_type_are_those_of_the_shell(style: Path) -> None:
    assert OF_A_LOOK.findall(style.read_text()) == []


@pytest.mark.parametrize("module", DRAWN, ids=[str(one.relative_to(PACKAGE)) for one in DRAWN])
def test_numbers_and_days_are_written_by_the_formats(module: Path) -> None:
    text = re.sub(r'r?"""(?s:.*?)"""', "", module.read_text())

    assert OF_A_FORMAT.findall(text) == []
