"""What has a lake runs on disk and in a bucket, or says why not."""

import ast
from pathlib import Path

from tests.roots import DEAR, ONLY_ON_DISK

TESTS = Path(__file__).parents[1]
FOLDERS_OF_PYTEST = {"tmp_path", "tmp_path_factory"}


def places_of_tests() -> dict[str, set[str]]:
    """The tests of storage and of the steps, by module and name, and what each is given."""
    return {
        f"{folder}/{module.stem}::{one.name}": {given.arg for given in one.args.args}
        for folder in ("storage", "runbook")
        for module in (TESTS / folder).glob("test_*.py")
        for one in ast.walk(ast.parse(module.read_text()))
        if isinstance(one, ast.FunctionDef)
    }


def test_a_test_that_has_its_lake_on_disk_alone_is_listed_with_a_reason():
    on_disk = {name for name, given in places_of_tests().items() if given & FOLDERS_OF_PYTEST}
    modules = {name.partition("::")[0] for name in on_disk}

    assert {name for name in on_disk if not {name, name.partition("::")[0]} & {*ONLY_ON_DISK}} == set()
    assert {name for name in ONLY_ON_DISK if name not in on_disk | modules} == set()


def test_what_is_left_to_the_soak_is_there_and_runs_in_a_bucket():
    in_a_bucket = {name for name, given in places_of_tests().items() if "root" in given}

    assert {*DEAR} <= in_a_bucket | {name.partition("::")[0] for name in in_a_bucket}
