"""What can be broken in a module: its comparisons, boolean operators, raises and early returns."""

import ast
import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
}
AT_THE_BORDER: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one file: the text between two places, and what stands there instead."""

    file: str
    line: int
    last_line: int
    kind: str
    start: int
    end: int
    new: str

    def applied(self, text: str) -> str:
        """The module with the change."""
        raw = text.encode()
        return (raw[: self.start] + self.new.encode() + raw[self.end :]).decode()

    def diff(self, text: str) -> list[str]:
        """The lines that are gone, and those that came instead."""
        lines = difflib.unified_diff(text.splitlines(), self.applied(text).splitlines(), n=0, lineterm="")
        return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


def mutants_of(tree: Path, file: str) -> list[Mutant]:
    """Every mutant of one module, in the order of its text."""
    text = (tree / file).read_text()
    begins = [0]
    for line in text.encode().splitlines(keepends=True):
        begins.append(begins[-1] + len(line))
    found = [
        Mutant(
            file,
            node.lineno,
            node.end_lineno or node.lineno,
            kind,
            begins[node.lineno - 1] + node.col_offset,
            begins[(node.end_lineno or 1) - 1] + (node.end_col_offset or 0),
            new,
        )
        for node, kind, new in _changes(ast.parse(text))
    ]
    return sorted(found, key=lambda mutant: (mutant.start, mutant.end, mutant.new))


def _changes(module: ast.Module) -> Iterator[tuple[ast.expr | ast.stmt, str, str]]:
    for node, is_last in _nodes(module):
        match node:
            case ast.Compare():
                for at, operator in enumerate(node.ops):
                    yield node, "comparison", _compared(node, at, OPPOSITE[type(operator)])
                    if border := AT_THE_BORDER.get(type(operator)):
                        yield node, "comparison", _compared(node, at, border)
            case ast.BoolOp():
                other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
                yield node, "boolean operator", f"({ast.unparse(ast.BoolOp(other, node.values))})"
            case ast.UnaryOp(op=ast.Not()):
                yield node, "boolean operator", f"({ast.unparse(node.operand)})"
            case ast.Raise():
                yield node, "raise", "pass"
            case ast.Return() if not is_last:
                yield node, "early return", "pass"
            case _:
                pass


def _nodes(module: ast.Module) -> Iterator[tuple[ast.AST, bool]]:
    """Every node, and whether it is the last statement of a function; not what stands inside of f-strings."""
    inside: list[tuple[ast.AST, bool]] = [(module, False)]
    while inside:
        node, is_last = inside.pop()
        yield node, is_last
        for child in ast.iter_child_nodes(node):
            # Places inside of f-strings are not told before Python 3.12.
            if not isinstance(child, ast.JoinedStr):
                is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
                inside.append((child, is_function and child is node.body[-1]))


def _compared(node: ast.Compare, at: int, operator: type[ast.cmpop]) -> str:
    operators = [operator() if index == at else one for index, one in enumerate(node.ops)]
    return f"({ast.unparse(ast.Compare(node.left, operators, node.comparators))})"
