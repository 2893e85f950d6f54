"""Try the built wheel at both ends of the versions it declares, in environments without the repository.

In each: the upstream tests, the README's shop from nothing to a rolled-back correction without any extra, then the same
with every extra, and the example's own tests. What passed is written into ``docs/supported.md``.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.installed import Shop, built_wheel  # noqa: E402 - it is found beside the scripts

ENDS = ("oldest", "newest")
# The example asks for more than the library does, so it is installed last.
LIBRARY = ("", "console", "pages", "notify", "object-store", "sql")
EXAMPLE = "demo"
ANY_TEST_NEEDS = ("hypothesis", "pytest")
TESTS_NEED = (*ANY_TEST_NEEDS, "aiosmtpd", "moto[s3,server]", "openpyxl", "pandas", "pytest-timeout")
COMPLETE = (
    *("tests/revenue", "tests/pages", "tests/storage", "tests/kinds/test_transforms.py"),
    *("tests/kinds/test_annotated_frames.py", "tests/kinds/test_options_of_assets.py"),
    *("tests/orchestration/test_notices.py", "tests/orchestration/test_sqlite_storages.py"),
)
BEGIN, END = "<!-- versions: written by scripts/supported -->", "<!-- /versions -->"


def must(held: bool, otherwise: str) -> None:  # noqa: FBT001 - a condition beside what is wrong when it fails
    """End with a sentence unless a condition holds."""
    if not held:
        sys.exit(otherwise)


def declared(extras: Sequence[str]) -> dict[str, tuple[Requirement, str]]:
    """Every requirement of these extras by name, with the extra, empty for none; a later extra's word counts."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = {"": project["dependencies"], **project["optional-dependencies"]}
    told = [(line, extra) for extra in extras for line in lines[extra]]
    found = [(Requirement(line), extra) for line, extra in told]
    return {need.name: (need, extra) for need, extra in found if need.name != project["name"]}


def lowest(need: Requirement) -> str:
    """The requirement at its lower bound, ``polars==1.30``."""
    (bound,) = [one.version for one in need.specifier if one.operator == ">="]
    extras = f"[{','.join(need.extras)}]" if need.extras else ""
    return f"{need.name}{extras}=={bound}"


@dataclass(frozen=True)
class Environment:
    """A virtual environment below ``root``, one end of the ranges except for the versions that are ``given``."""

    root: Path
    wheel: Path
    end: str
    given: Sequence[str] = ()

    @property
    def python(self) -> str:
        """Its interpreter."""
        return str(self.root / "venv/bin/python")

    def make(self) -> None:
        """Create it, with the package and what the upstream tests take, and no extra."""
        subprocess.run([sys.executable, "-m", "venv", str(self.root / "venv")], check=True)
        self.install(str(self.wheel), *ANY_TEST_NEEDS, extras=("",))

    def install(self, *wanted: str, extras: Sequence[str]) -> None:
        """Install, with the declared requirements of these extras at this end."""
        known = declared(extras)
        bounds = [lowest(need) for need, _ in known.values() if self.end == "oldest"]
        given = {Requirement(one).name for one in self.given}
        pins = [one for one in bounds if Requirement(one).name not in given]
        pins += [one for one in self.given if Requirement(one).name in known]
        pip = ["-m", "pip", "install", "--quiet", "--quiet", "--disable-pip-version-check", "--no-compile", "--upgrade"]
        subprocess.run(["nice", self.python, *pip, *wanted, *pins], check=True)

    def versions(self) -> Mapping[str, str]:
        """What is installed, by name."""
        told = subprocess.run(
            [self.python, "-m", "pip", "list", "--format", "json", "--disable-pip-version-check"],
            check=True,
            capture_output=True,
            text=True,
        )
        return {one["name"].casefold(): one["version"] for one in json.loads(told.stdout)}

    def pytest(self, *wanted: str) -> None:
        """Run tests of a copy of the repository's, beside which there is no package but the installed one."""
        house = self.root / "house"
        for name in ("tests", "scripts"):
            shutil.copytree(ROOT / name, house / name, dirs_exist_ok=True)
        settings = ["--import-mode=importlib", "-p", "no:cacheprovider", "-W", "ignore", "-c", "/dev/null"]
        command = [self.python, "-m", "pytest", "--quiet", *settings, "--rootdir", str(house), *wanted]
        environment = Shop(house, house, self.python).environment | {"DAGSTER_HOME": ""}
        subprocess.run(command, check=True, cwd=house, env=environment)

    def shop(self, name: str) -> Path:
        """Tell the story of the README's shop; returns the page of its correction."""
        code = self.root / name / "code"
        code.mkdir(parents=True)
        shop = Shop(code.parent, code, self.python)
        shop.correct_and_roll_back(shop.publish_wrong_days())
        (page,) = (code.parent / "published/corrections").glob("*/index.html")
        command = [str(self.root / "venv/bin/backfill-assets"), "status", "--json"]
        subprocess.run(command, check=True, cwd=code, env=shop.environment, stdout=subprocess.DEVNULL)
        return page


def attempt(environment: Environment) -> Iterator[str]:
    """Everything that an environment must stand; says what passed."""
    environment.make()
    must("<svg" not in environment.shop("bare").read_text(), "a chart is drawn without what draws it")
    yield "the README's shop without an extra"
    environment.install(f"{environment.wheel}[{','.join(LIBRARY[1:])}]", extras=LIBRARY)
    environment.pytest("tests/test_upstream_dagster.py", "tests/test_upstream_delta.py")
    yield "what we rely on in Dagster, delta-rs and Polars"
    must("<svg" in environment.shop("complete").read_text(), "no chart is drawn")
    yield "the README's shop with every extra"
    everything = (*LIBRARY, EXAMPLE)
    environment.install(f"{environment.wheel}[{','.join(everything[1:])}]", *TESTS_NEED, extras=everything)
    environment.pytest(*COMPLETE)
    yield "the example, its pages, notices, and the storages of dagster.yaml"


@contextmanager
def temporary() -> Iterator[Path]:
    """A folder for environments, deleted afterwards."""
    with tempfile.TemporaryDirectory(prefix="supported-") as folder:
        yield Path(folder)


def tried(end: str, given: Sequence[str]) -> dict[tuple[str, str], str]:
    """Try one end; returns the version that was installed of each requirement, by extra and name."""
    with temporary() as folder:
        environment = Environment(folder, built_wheel(folder / "wheel"), end, given)
        stages: list[Mapping[str, str]] = []
        for passed in attempt(environment):
            print(f"{end}: {passed}", flush=True)
            stages.append(environment.versions())
        return told_of(stages[-2], stages[-1])


def told_of(library: Mapping[str, str], example: Mapping[str, str]) -> dict[tuple[str, str], str]:
    """The versions of the requirements, as they were installed for the library and then for the example."""
    found = {(extra, name): library[name.casefold()] for name, (_, extra) in declared(LIBRARY).items()}
    return found | {(extra, name): example[name.casefold()] for name, (_, extra) in declared([EXAMPLE]).items()}


def table(oldest: Mapping[tuple[str, str], str], newest: Mapping[tuple[str, str], str]) -> str:
    """What was tried, a row for each declared requirement."""
    rows = [
        f"| {name} | {f'`[{extra}]`' if extra else ''} | {oldest[extra, name]} | {newest[extra, name]} |"
        for extra, name in sorted(oldest, key=lambda one: ((*LIBRARY, EXAMPLE).index(one[0]), one[1]))
    ]
    return "\n".join(["| package | extra | oldest that passes | newest that passes |", "|---|---|---|---|", *rows])


def write(text: str) -> None:
    """Put the table into its place in the document."""
    document = ROOT / "docs/supported.md"
    told = document.read_text()
    must(told.count(BEGIN) == told.count(END) == 1, f"{document} has no one place for the table")
    document.write_text(re.sub(f"{BEGIN}.*{END}", f"{BEGIN}\n{text}\n{END}", told, flags=re.DOTALL))


def main() -> None:
    """Both ends and the document, or one end with other versions."""
    parser = argparse.ArgumentParser(prog="scripts/supported", description=__doc__)
    parser.add_argument("--try", dest="end", choices=ENDS, help="one end, with the versions that follow")
    parser.add_argument("versions", nargs="*", metavar="name==version")
    told = parser.parse_args()
    if told.end:
        found = tried(told.end, told.versions)
        print(json.dumps({name: version for (_, name), version in found.items()}))
        return
    write(table(*(tried(end, ()) for end in ENDS)))


if __name__ == "__main__":
    main()
