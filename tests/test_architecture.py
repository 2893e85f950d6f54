"""What the house demands of every module, beside the layers that import-linter checks."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "backfill_assets").rglob("*.py"))
AVOIDED_IN_NAMES = ("manager", "helper", "handler", "service", "utils")
DAGSTERS_OWN = {"io_manager.py"}

# What a wildcard stands for where the kinds of value are no closed union of ours, by module and function.
OPEN_KINDS = {
    ("core/codec.py", "encoded"): "any object; what has no JSON form is refused by name",
    ("core/delta_types.py", "delta_type"): "a type of Polars, looked up by its class",
    ("orchestration/correction/metadata.py", "shown"): "any value of a detail, shown as JSON",
    ("orchestration/correction/metadata.py", "_cell"): "any value of a detail, shown as text",
    ("orchestration/instance/slots.py", "kind_of"): "a subclass of Dagster's definitions, named by its type",
    ("revenue/exports.py", "write"): "any other cell is text",
    ("revenue/landing_checks.py", "_is_accepted"): "a column's name",
    ("revenue/landing_checks.py", "_converted"): "a column's name beside its type",
    ("runbook/strict_yaml.py", "_value"): "an event of the YAML parser",
    ("storage/schema.py", "_delta_name"): "a type of Polars, looked up by its class",
}


# Named by Dagster's instance configuration, not by code.
USED_FROM_OUTSIDE = {"ReusingSqliteEventLogStorage", "ReusingSqliteRunStorage", "CapturingComputeLogManager"}
WRITING = {"add", "append", "clear", "extend", "insert", "pop", "remove", "setdefault", "update"}


@cache
def tree_of(module: Path) -> ast.Module:
    """The syntax tree of a module, shared by all tests and never changed."""
    return ast.parse(module.read_text())


@cache
def nodes_of(module: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(tree_of(module)))


def names_read(tree: ast.AST) -> Counter[str]:
    """How often each name is read: bare, after a dot, or to be known by another name."""
    found: Counter[str] = Counter()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Load()) | ast.Attribute(attr=name, ctx=ast.Load()):
                found[name] += 1
            case ast.alias(name=name, asname=str()):
                found[name] += 1
    return found


def names_offered(tree: ast.Module) -> set[str]:
    """What a module says is for whoever imports it."""
    return {
        item.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
        for item in ast.walk(node.value)
        if isinstance(item, ast.Constant) and isinstance(item.value, str)
    }


def is_called_by_a_decorator(node: ast.FunctionDef | ast.ClassDef) -> bool:
    """Whether a decorator hands it to somebody who calls it: the command line's application, Dagster."""
    names = [ast.unparse(one.func if isinstance(one, ast.Call) else one) for one in node.decorator_list]
    return any(name.startswith("dg.") or name.endswith((".command", ".callback")) for name in names)


def names_assigned(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """The parameters and variables of a function; not those of its inner functions, nor what ``with`` opens."""
    given = function.args
    found = {argument.arg for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs)}
    inside: list[ast.AST] = [*function.body]
    while inside:
        node = inside.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.withitem):
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        inside.extend(ast.iter_child_nodes(node))
    return found


def names_written_into(function: ast.FunctionDef) -> set[str]:
    """The names of which an item is set, or a method called that changes them, or that are said to be nonlocal."""
    found: set[str] = set()
    for node in ast.walk(function):
        match node:
            case ast.Nonlocal():
                found.update(node.names)
            case ast.Subscript(value=ast.Name(id=name), ctx=ast.Store()):
                found.add(name)
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method)) if method in WRITING:
                found.add(name)
    return found


def functions(module: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in nodes_of(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def body_length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def test_every_module_is_short_and_says_what_it_is() -> None:
    text = {module: module.read_text() for module in MODULES}
    long = [module for module in MODULES if len(text[module].splitlines()) > 300]
    mute = [module for module in MODULES if text[module].strip() and not ast.get_docstring(tree_of(module))]
    named = [module for module in MODULES if any(word in module.name for word in AVOIDED_IN_NAMES)]

    assert (long, mute) == ([], [])
    assert {module.name for module in named} <= DAGSTERS_OWN


def test_function_bodies_are_short_and_the_tail_is_capped() -> None:
    lengths = sorted(body_length(function) for module in MODULES for function in functions(module))

    assert lengths[int(len(lengths) * 0.9)] <= 20
    assert lengths[-1] <= 60


def test_tags_and_metadata_keys_are_spelled_in_one_module() -> None:
    spelled = [
        f"{module.relative_to(ROOT)}: {node.value}"
        for module in MODULES
        if module.name != "tags.py" and "storage" not in module.parts and "runbook" not in module.parts
        for node in nodes_of(module)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("backfill_assets/")
    ]

    assert not spelled


def test_html_is_written_by_templates_or_stands_there_as_a_whole() -> None:
    """``Markup`` of anything but a literal is what the linter refuses (S704)."""
    pages = [module for module in MODULES if "pages" in module.parts]
    # It works on the tags that Vega drew.
    written = [place for module in pages if module.name != "charts.py" for place in _html_outside_markup(module)]
    unescaped = [
        template.relative_to(ROOT)
        for template in (ROOT / "backfill_assets").rglob("*.html")
        if re.search(r"\|\s*safe\b|autoescape", template.read_text())
    ]

    assert pages
    assert (written, unescaped) == ([], [])


def test_the_example_takes_only_the_parts_of_pages_that_are_for_everybody() -> None:
    imported = {
        node.module.removeprefix("backfill_assets.pages.")
        for module in MODULES
        if "revenue" in module.parts
        for node in nodes_of(module)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("backfill_assets.pages")
    }

    assert imported == {"charts", "formats", "listing", "shell", "words"}


def _html_outside_markup(module: Path) -> Iterator[str]:
    tree = tree_of(module)
    literal = {
        id(argument)
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Markup"
        for argument in call.args
    }
    docs = {id(node.body[0].value) for node in ast.walk(tree) if _has_docstring(node)}
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in literal | docs
        if is_text and re.search(r"</?[a-z]", node.value):
            yield f"{module.relative_to(ROOT)}:{node.lineno}"


def _has_docstring(node: ast.AST) -> bool:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return isinstance(node, documented) and ast.get_docstring(node) is not None


def test_every_public_function_and_class_is_used_by_the_package_or_offered_to_its_users() -> None:
    trees = {module: tree_of(module) for module in MODULES}
    offered = {name for tree in trees.values() for name in names_offered(tree)}
    read = {module: names_read(tree) for module, tree in trees.items()}
    everywhere = sum(read.values(), Counter[str]())
    unused = [
        f"{module.relative_to(ROOT)}: {node.name}"
        for module, tree in trees.items()
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
        if not is_called_by_a_decorator(node) and node.name not in offered | USED_FROM_OUTSIDE
        if everywhere[node.name] == names_read(node)[node.name]
    ]

    assert not unused


def test_no_inner_function_writes_into_what_is_outside_of_it() -> None:
    written = [
        f"{module.relative_to(ROOT)}: {function.name} writes into {name}"
        for module in MODULES
        for function in functions(module)
        for inner in ast.walk(function)
        if isinstance(inner, ast.FunctionDef) and inner is not function
        for name in names_written_into(inner) & (names_assigned(function) - names_assigned(inner))
    ]

    assert not written


def test_nothing_names_a_place_on_a_machine_or_a_host() -> None:
    tracked = [
        ROOT / name
        for name in ("pyproject.toml", "constraints.txt", "README.md", "scripts/setup", "scripts/test", ".ci/run")
    ]

    for file in tracked:
        text = file.read_text()
        assert "index-url" not in text
        assert "/simple" not in text
        assert "/home/" not in text


def wildcards(module: Path) -> Iterator[tuple[str, str]]:
    """Functions with a ``case _`` that does not end in ``assert_never``."""
    for function in functions(module):
        for node in ast.walk(function):
            if isinstance(node, ast.match_case) and _matches_anything(node) and not _never(node.body):
                yield module.relative_to(ROOT / "backfill_assets").as_posix(), function.name


def _matches_anything(case: ast.match_case) -> bool:
    return isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None and case.guard is None


def _never(body: list[ast.stmt]) -> bool:
    match body:
        case [ast.Expr(value=ast.Call(func=ast.Name(id="assert_never")))]:
            return True
    return False


def test_a_match_over_a_closed_union_names_every_kind() -> None:
    """A new fact, next step, outcome or ending is then missing in the eyes of the type checker, at every match."""
    found = {where for module in MODULES for where in wildcards(module)}

    assert found == OPEN_KINDS.keys()


def test_the_lint_is_switched_off_seldom_and_never_without_a_reason() -> None:
    switches = [
        f"{module.relative_to(ROOT)}:{number}: {line.strip()}"
        for module in MODULES
        for number, line in enumerate(module.read_text().splitlines(), 1)
        if "# noqa" in line
    ]

    assert len(switches) < 30
    assert [switch for switch in switches if not re.search(r"# noqa: [A-Z0-9, ]+ - \w", switch)] == []


# Values that may be wide: a row has as many fields as its table columns, a request as many as its file.
ROWS_AND_REQUESTS = {
    "core/plan.py Request",
    "runbook/request_model.py RequestFields",
    "orchestration/correction/opening.py OpenConfig",
    "storage/adoptions.py Adoption",
    "storage/builds.py Build",
    "storage/completeness.py Completeness",
    "storage/ledger.py Entry",
    "storage/outbox.py Sending",
    "storage/reported.py Row",
    "storage/marks.py Entry",
    "sources/set_aside.py SetAside",
    "revenue/schemas.py IntradayRevenue",
}
# What a user writes once, by keyword, each with one meaning.
PUBLIC_BUILDERS = {"build_correction_definitions", "correctable_asset"}
MOST_FIELDS, MOST_PARAMETERS = 9, 8


def fields_of(value: ast.ClassDef) -> list[str]:
    """What is annotated in a class, variables of the class itself left out."""
    annotated = [node for node in value.body if isinstance(node, ast.AnnAssign)]
    return [ast.unparse(node.target) for node in annotated if "ClassVar" not in ast.unparse(node.annotation)]


def parameters_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    given = function.args
    named = [one.arg for one in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return [name for name in named if name not in {"self", "cls"}]


def test_no_value_and_no_parameter_list_is_wide() -> None:
    classes = [(module, node) for module in MODULES for node in nodes_of(module)]
    wide = {
        f"{module.relative_to(ROOT / 'backfill_assets').as_posix()} {node.name}"
        for module, node in classes
        if isinstance(node, ast.ClassDef) and len(fields_of(node)) > MOST_FIELDS
    }
    long = [
        f"{module.relative_to(ROOT)} {function.name}"
        for module in MODULES
        for function in functions(module)
        if len(parameters_of(function)) > MOST_PARAMETERS and function.name not in PUBLIC_BUILDERS
    ]

    assert wide <= ROWS_AND_REQUESTS
    assert long == []
