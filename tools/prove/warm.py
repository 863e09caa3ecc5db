"""Tries altered functions in forks of one process that has imported and collected everything, so each costs little.

A function is altered by giving it the code of its altered source. What ran before the tests did cannot be altered so:
the bodies of modules and classes, and what they call. That is told, and left to `altered.run`, which imports anew.
"""

import ast
import contextlib
import gc
import hashlib
import itertools
import json
import os
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, unique
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import NoReturn

import pytest
from hypothesis import Phase, settings

from tools.prove.altered import LAST_LINES, OPTIONS, ROOT, Seen, path_of
from tools.prove.mutants import Mutant

SHARED = (ROOT / "tests" / "conftest.py", ROOT / "tests" / "core" / "support.py")
LEAST_COST_S = 0.02
LEAST_LIMIT_S = 2.0
SLOWER = 10
"""A test of a mutant may use so many times the processor time of the original; what hangs is found."""
MEMORY_BYTES = 2**32
"""And so much memory; what gathers without end is found as well."""
FUNCTION = 0x01  # CO_OPTIMIZED, which no body of a module or a class has (Python's inspect module, code object flags)


NOTED = "__noted__"
CORE = ROOT / "pumpd" / "core"
KEPT = ROOT / ".trace" / "judges.json"
"""What each test runs, as long as neither the core nor the test's file changes."""


@unique
class Found(Enum):
    """What became of a mutant."""

    KILLED = "killed"
    HUNG = "hung"
    SURVIVED = "survived"
    NOT_HERE = "not here"  # it is altered before the tests run


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One mutant that was tried, by its place in the list, and the test that killed it."""

    index: int
    found: Found
    test: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """One test, what it costs, and which lines of the altered modules begin a statement that it runs, alone."""

    item: pytest.Item
    cost_s: float
    lines: Mapping[str, frozenset[int]]

    def runs(self, module: str, first: int, last: int) -> bool:
        """Say whether it runs any of these lines."""
        return any(first <= line <= last for line in self.lines.get(module, ()))


class WarmError(RuntimeError):
    """The tests are not green as they are, or could not be run; the message says which."""


def trials(mutants: Sequence[Mutant], tests: Sequence[str], *, budget_s: float) -> Iterator[Trial]:
    """Try each mutant against the tests that run it, as many as the budget of processor time allows.

    A mutant that survives may be one that a dearer test kills; none is called killed that is not. Nothing of pumpd may
    be imported in the calling process.
    """
    reading, writing = os.pipe()
    with tempfile.TemporaryFile() as aloud:
        child = os.fork()
        if child == 0:
            os.close(reading)
            os.setsid()
            _in_child(mutants, tests, writing, aloud.fileno(), budget_s)
        os.close(writing)
        done = False
        try:
            with os.fdopen(reading) as pipe:
                for line in pipe:
                    said = json.loads(line)
                    if "fault" in said:
                        raise WarmError(said["fault"])
                    yield Trial(index=said["index"], found=Found(said["found"]), test=said["test"])
            done = True
        finally:
            if not done:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
        if status != 0:
            aloud.seek(0)
            last = aloud.read().decode(errors="replace").splitlines()[-LAST_LINES:]
            raise WarmError("\n".join(["the tests could not be run:", *last]))


def _in_child(mutants: Sequence[Mutant], tests: Sequence[str], writing: int, aloud: int, budget_s: float) -> NoReturn:
    code = 1
    try:
        os.dup2(aloud, 1)
        os.dup2(aloud, 2)
        plugin = _Trials(mutants, writing, budget_s)
        ran = _RanBefore(plugin.modules)
        plugin.ran_before = ran.functions
        sys.setprofile(ran)
        code = int(pytest.main([*OPTIONS, "--assert=plain", *tests], plugins=[plugin]))
    finally:
        os._exit(code)


@dataclass(slots=True, eq=False)
class _RanBefore:
    """A profiler: which functions of the modules ran while everything was imported and collected."""

    modules: Mapping[str, str]
    functions: set[tuple[str, str]] = field(default_factory=set)

    def __call__(self, frame: FrameType, event: str, arg: object) -> None:  # noqa: ARG002 - as Python calls it
        code = frame.f_code
        if event == "call" and code.co_filename in self.modules:
            self.functions.add((self.modules[code.co_filename], code.co_qualname))


class _Trials(Seen):
    """A pytest plugin: instead of running the tests once, runs them for each mutant."""

    def __init__(self, mutants: Sequence[Mutant], writing: int, budget_s: float) -> None:
        super().__init__()
        self._mutants, self._writing, self._budget_s = mutants, writing, budget_s
        self.modules = {str(path): f"pumpd.core.{path.stem}" for path in sorted(CORE.glob("[a-z]*.py"))}
        self._kills: Counter[tuple[str, str, str]] = Counter()
        self._runners: Counter[tuple[str, int]] = Counter()
        self._digests: dict[Path, str] = {}
        self._functions: dict[tuple[str, str], list[FunctionType]] = {}
        self._sources = {module: path_of(module).read_text() for module in self.modules.values()}
        self._original: dict[str, dict[str, CodeType]] = {}
        self._noting: dict[str, dict[str, CodeType]] = {}
        self._spans: dict[tuple[str, str], tuple[int, int]] = {}
        self.ran_before: set[tuple[str, str]] = set()

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """Let hypothesis be content with the first example that fails."""
        phases = (Phase.explicit, Phase.generate)
        settings.register_profile("first", derandomize=True, deadline=None, phases=phases)
        settings.load_profile("first")

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Try every mutant, each in a fork."""
        sys.setprofile(None)
        if session.testsfailed:
            raise session.Interrupted("the tests could not be collected")
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        self._find_functions()
        gc.collect()
        gc.freeze()
        judges = []
        kept = _kept()
        for item in session.items:
            key = self._key(item)
            if key not in kept:
                judge = self._judge(item)
                if judge is None:
                    return True
                kept[key] = judge.cost_s, {module: sorted(lines) for module, lines in judge.lines.items()}
            cost_s, found = kept[key]
            runs = {module: frozenset(lines) for module, lines in found.items()}
            judges.append(Judge(item=item, cost_s=cost_s, lines=runs))
        KEPT.parent.mkdir(exist_ok=True)
        KEPT.write_text(json.dumps(kept))
        for judge in judges:
            for module, ran in judge.lines.items():
                self._runners.update((module, line) for line in ran)
        for index, mutant in enumerate(self._mutants):
            trial = self._try(index, mutant, judges)
            self._say({"index": index, "found": trial.found.value, "test": trial.test})
        return True

    def _say(self, what: Mapping[str, object]) -> None:
        os.write(self._writing, json.dumps(what).encode() + b"\n")

    def _find_functions(self) -> None:
        for each in gc.get_objects():
            if isinstance(each, FunctionType) and each.__code__.co_filename in self.modules:
                module = self.modules[each.__code__.co_filename]
                self._functions.setdefault((module, each.__code__.co_qualname), []).append(each)
        for path, module in self.modules.items():
            self._original[module] = parts(self._sources[module], path)
            self._spans |= {(module, name): span for name, span in _spans(ast.parse(self._sources[module])).items()}
            self._noting[module] = parts(noting(self._sources[module]), path)

    def _judge(self, item: pytest.Item) -> Judge | None:
        """Run a test as it is, in a fork, and see what it runs."""
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            code = 2
            try:
                lines = self._note_lines()
                began_s = time.process_time()
                self._passes(item)
                ran = {module: sorted(found) for module, found in lines.items()}
                with os.fdopen(writing, "wb") as pipe:
                    pipe.write(json.dumps([self.words, time.process_time() - began_s, ran]).encode())
                code = 0
            finally:
                os._exit(code)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            said = pipe.read()
        os.waitpid(child, 0)
        words, cost_s, lines = json.loads(said or b'["it ended the process", 0, {}]')
        if words:
            self._say({"fault": f"not green as it is: {item.nodeid}: {words}"})
            return None
        return Judge(item=item, cost_s=cost_s, lines={module: frozenset(found) for module, found in lines.items()})

    def _key(self, item: pytest.Item) -> str:
        """Return a name for a test, the core and the support that it has now."""
        if item.path not in self._digests:
            texts = [*self._sources.values(), *(path.read_text() for path in (item.path, *SHARED) if path.exists())]
            self._digests[item.path] = hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]
        return f"{self._digests[item.path]} {item.nodeid}"

    def _rarity(self, judge: Judge, module: str, first: int, last: int) -> float:
        """Return how much of a function a test runs that few others do."""
        own = (line for line in judge.lines.get(module, ()) if first <= line <= last)
        return sum(1 / self._runners[(module, line)] for line in own)

    def _note_lines(self) -> dict[str, set[int]]:
        """Let every function of the modules note which of its statements run."""
        found: dict[str, set[int]] = {module: set() for module in self._noting}
        for (module, name), functions in self._functions.items():
            if name not in self._noting[module]:
                continue
            for function in functions:
                function.__globals__[NOTED] = found[module]
                function.__code__ = self._noting[module][name]
        return found

    def _passes(self, item: pytest.Item) -> bool:
        self.red = ""
        item.ihook.pytest_runtest_protocol(item=item, nextitem=None)
        return not self.red

    def _try(self, index: int, mutant: Mutant, judges: Sequence[Judge]) -> Trial:
        altered = parts(mutant.source, str(path_of(mutant.module)))
        name = altered_part(self._original[mutant.module], altered)
        place = (mutant.module, name or "")
        if name is None or place in self.ran_before or place not in self._functions or place not in self._spans:
            return Trial(index=index, found=Found.NOT_HERE)
        first, last = self._spans[place]
        own = f"test_{mutant.module.rpartition('.')[2]}"
        chosen = sorted(
            (judge for judge in judges if judge.runs(mutant.module, first, last)),
            key=lambda judge: (
                not judge.runs(mutant.module, mutant.line, mutant.end),
                -self._kills[(*place, judge.item.nodeid)],
                judge.item.path.stem != own,
                -self._rarity(judge, mutant.module, first, last) / max(judge.cost_s, LEAST_COST_S),
            ),
        )
        costs_s = itertools.accumulate(judge.cost_s for judge in chosen)
        chosen = [judge for judge, cost_s in zip(chosen, costs_s, strict=True) if cost_s <= self._budget_s]
        found, final = self._run(place, altered[name], chosen)
        test = chosen[final].item.nodeid if found is not Found.SURVIVED else ""
        self._kills[(*place, test)] += 1
        return Trial(index=index, found=found, test=test)

    def _run(self, place: tuple[str, str], code: CodeType, judges: Sequence[Judge]) -> tuple[Found, int]:
        """Run the tests in a fork in which the function has another code; return also which came last."""
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            ended = 3
            try:
                for function in self._functions[place]:
                    function.__code__ = code
                for index, judge in enumerate(judges):
                    os.write(writing, index.to_bytes(4, "big"))
                    signal.setitimer(signal.ITIMER_PROF, max(LEAST_LIMIT_S, SLOWER * judge.cost_s))
                    if not self._passes(judge.item):
                        ended = 1
                        break
                else:
                    ended = 0
            finally:
                os._exit(ended)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            last = int.from_bytes(pipe.read()[-4:], "big")
        _, status = os.waitpid(child, 0)
        if status == 0:
            return Found.SURVIVED, last
        return Found.HUNG if os.WIFSIGNALED(status) else Found.KILLED, last


def _spans(tree: ast.AST, within: str = "") -> dict[str, tuple[int, int]]:
    """Return the lines of each function that is not inside another, by name."""
    found = {}
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef):
            found[f"{within}{node.name}"] = (node.lineno, node.end_lineno or node.lineno)
        elif isinstance(node, ast.ClassDef):
            found |= _spans(node, f"{within}{node.name}.")
    return found


def _kept() -> dict[str, tuple[float, dict[str, list[int]]]]:
    try:
        found: dict[str, tuple[float, dict[str, list[int]]]] = json.loads(KEPT.read_text())
    except (OSError, ValueError):
        return {}
    return found


def noting(source: str) -> ast.Module:
    """Return the source's tree with a note of its line before each statement of a function."""
    tree = ast.parse(source)
    for function in [each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)]:
        for node in [each for statement in function.body for each in ast.walk(statement)] + [function]:
            for name in ("body", "orelse", "finalbody"):
                statements = getattr(node, name, None)
                if isinstance(statements, list) and statements and not isinstance(statements[0], _Note):
                    setattr(node, name, [each for one in statements for each in (_note(one), one)])
    return ast.fix_missing_locations(tree)


class _Note(ast.Expr):
    """A statement that notes a line."""


def _note(statement: ast.stmt) -> _Note:
    names = ast.Attribute(value=ast.Name(id=NOTED, ctx=ast.Load()), attr="add", ctx=ast.Load())
    call = ast.Call(func=names, args=[ast.Constant(value=statement.lineno)], keywords=[])
    return ast.copy_location(_Note(value=call), statement)


def parts(source: str | ast.Module, path: str = "module") -> dict[str, CodeType]:
    """Return the bodies of a module, of its classes and of their functions, by name; "" is the module's own.

    What is inside a function belongs to it. Two of the same name are not told apart and belong to the body around.
    """
    code = compile(source, path, "exec")
    found = {"": code}
    _gather(code, found)
    return found


def altered_part(one: Mapping[str, CodeType], other: Mapping[str, CodeType]) -> str | None:
    """Return which body differs; None where none does, or more than one."""
    changed = [name for name in {**one, **other} if not _same(one.get(name), other.get(name))]
    return changed[0] if len(changed) == 1 else None


def _gather(body: CodeType, found: dict[str, CodeType]) -> None:
    names = Counter(each.co_qualname for each in body.co_consts if isinstance(each, CodeType))
    for each in body.co_consts:
        if isinstance(each, CodeType) and names[each.co_qualname] == 1:
            found[each.co_qualname] = each
            if not each.co_flags & FUNCTION:
                _gather(each, found)


def _same(one: CodeType | None, other: CodeType | None) -> bool:
    return one is not None and other is not None and _shape(one) == _shape(other)


def _shape(code: CodeType) -> tuple[object, ...]:
    """Return what a body does, without where it stands; a body of a module or class without what it defines."""
    inner = bool(code.co_flags & FUNCTION)
    names = Counter(each.co_qualname for each in code.co_consts if isinstance(each, CodeType))
    constants = tuple(
        ((each.co_qualname, _shape(each)) if inner or names[each.co_qualname] > 1 else each.co_qualname)
        if isinstance(each, CodeType)
        else (type(each), repr(each))
        for each in code.co_consts
    )
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    return code.co_code, constants, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars, counts
