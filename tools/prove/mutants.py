"""Small wrong changes of a module's source, one at a time. Knows Python's syntax and nothing of what it changes.

Left out: words (docstrings and what an f-string says), annotations, decorators, imports, and assertions, of which
`assert_never` is one. They change nothing that a test of behaviour could see, or cannot be reached.
"""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_COMPARED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_COMPUTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
_SWAPPED = {"min": "max", "max": "min", "any": "all", "all": "any"}
_WORDS = (ast.JoinedStr, ast.Import, ast.ImportFrom, ast.Assert)
_UNSEEN_FIELDS = {"annotation", "returns", "decorator_list", "type_params"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One change: where, from line to line, what stood there and what stands there now, and the source with it."""

    module: str
    where: str
    line: int
    end: int
    was: str
    now: str
    source: str

    def __str__(self) -> str:
        return f"{self.module}:{self.line} in {self.where}: {self.was!r} -> {self.now!r}"


@dataclass(frozen=True, slots=True)
class _Change:
    """One change that can be put in place of a node."""

    node: ast.AST
    where: str
    put: Callable[[ast.AST], None]
    other: ast.AST


def mutants(module: str, source: str) -> Iterator[Mutant]:
    """Yield every mutant of a module's source, in the order of the text."""
    tree = ast.parse(source)
    for change in list(_changes(tree, "module")):
        was, now = ast.unparse(change.node), ast.unparse(change.other)
        ast.copy_location(change.other, change.node)
        change.put(change.other)
        altered = ast.unparse(ast.fix_missing_locations(tree))
        change.put(change.node)
        line = getattr(change.node, "lineno", 0)
        end = getattr(change.node, "end_lineno", None) or line
        yield Mutant(module=module, where=change.where, line=line, end=end, was=was, now=now, source=altered)


def _changes(node: ast.AST, where: str) -> Iterator[_Change]:
    """Yield the changes of everything below a node."""
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        where = node.name if where == "module" else f"{where}.{node.name}"
    for name, value in ast.iter_fields(node):
        if name in _UNSEEN_FIELDS:
            continue
        if isinstance(value, ast.AST):
            yield from _of(value, where, _attribute(node, name))
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, ast.AST) and not _is_words(item):
                    yield from _of(item, where, _element(value, index))


def _of(node: ast.AST, where: str, put: Callable[[ast.AST], None]) -> Iterator[_Change]:
    if isinstance(node, _WORDS):
        return
    for other in _others(node):
        yield _Change(node, where, put, other)
    yield from _changes(node, where)


def _attribute(parent: ast.AST, name: str) -> Callable[[ast.AST], None]:
    return lambda node: setattr(parent, name, node)


def _element(items: list[ast.AST], index: int) -> Callable[[ast.AST], None]:
    return lambda node: items.__setitem__(index, node)


def _is_words(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _others(node: ast.AST) -> Iterator[ast.AST]:  # noqa: C901 - one case per kind of node
    """Yield what a slip might have put in the place of a node."""
    match node:
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            for index, op in enumerate(ops):
                for other in _COMPARED[type(op)]:
                    changed = [*ops[:index], other(), *ops[index + 1 :]]
                    yield ast.Compare(left=left, ops=changed, comparators=comparators)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _COMPUTED:
            yield ast.BinOp(left=left, op=_COMPUTED[type(op)](), right=right)
        case ast.BoolOp(op=op, values=values):
            yield ast.BoolOp(op=ast.Or() if isinstance(op, ast.And) else ast.And(), values=values)
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield operand
        case ast.Constant(value=bool(value)):
            yield ast.Constant(value=not value)
        case ast.Constant(value=int(value)):
            yield ast.Constant(value=value + 1)
            yield ast.Constant(value=value - 1)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            yield ast.IfExp(test=test, body=orelse, orelse=body)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords) if name in _SWAPPED:
            yield ast.Call(func=ast.Name(id=_SWAPPED[name], ctx=ast.Load()), args=args, keywords=keywords)
        case ast.If(test=test, body=body, orelse=orelse):
            yield ast.If(test=ast.UnaryOp(op=ast.Not(), operand=test), body=body, orelse=orelse)
        case ast.Return(value=ast.expr() as value) if not _is_none_or_false(value):
            yield ast.Return(value=ast.Constant(value=None))
        case ast.Expr(value=ast.Call(func=ast.Name(id="assert_never"))):
            return
        case ast.Raise() | ast.AugAssign() | ast.Expr(value=ast.Call()) | ast.Continue() | ast.Break():
            yield ast.Pass()
        case ast.Assign(targets=[ast.Attribute()]):
            yield ast.Pass()


def _is_none_or_false(node: ast.expr) -> bool:
    """Say whether no result would be the same: a False that is asked for its truth alone, as mypy sees to, is None."""
    return isinstance(node, ast.Constant) and (node.value is None or node.value is False)
