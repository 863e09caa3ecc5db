"""What is wrong with the trace, each fault in one sentence. Pure: files and runs are read elsewhere."""

from collections.abc import Iterator, Mapping

from tools.trace.catalogue import Catalogue, Stage
from tools.trace.record import PASSED, Run, function_of

Tests = Mapping[str, tuple[str, ...]]
"""By requirement id, the test functions that name it."""


def gaps(catalogue: Catalogue, tests: Tests, *, strict: bool = False) -> Iterator[str]:
    """Yield each requirement without a test or reason, and each reason that is no longer true.

    With `strict` nothing may wait for the safety core any more.
    """
    for item in catalogue.requirements:
        named = tests.get(item, ())
        if not named and item not in catalogue.waiting and item not in catalogue.partly:
            yield f"{item} has no test and no reason why it waits: mark a test, or add it to waiting.toml"
        if named and item in catalogue.waiting:
            yield f"{item} waits in waiting.toml, and {named[0]} names it: move it to [[partly]], or remove it"
        if not named and item in catalogue.partly:
            yield f"{item} is partly tested by waiting.toml, and no test names it: move it to [[waiting]]"
    for item in tests:
        if item not in catalogue.requirements:
            yield f"{tests[item][0]} names {item}, which is not in requirements.toml"
    if strict:
        for gap in (*catalogue.waiting.values(), *catalogue.partly.values()):
            if gap.waits_for is Stage.SAFETY_CORE:
                yield f"{gap.id} still waits for the safety core: {gap.reason}"


def unproven(catalogue: Catalogue, run: Run) -> Iterator[str]:
    """Yield each requirement that should have a test and has none of which every case passed in `run`."""
    for item in catalogue.requirements:
        if item in catalogue.waiting:
            continue
        outcomes = run.outcomes.get(item, {})
        bad = {function_of(node) for node, outcome in outcomes.items() if outcome != PASSED}
        if {function_of(node) for node in outcomes} - bad:
            continue
        seen = ", ".join(sorted(f"{node} {outcome}" for node, outcome in outcomes.items() if outcome != PASSED)[:3])
        yield f"{item}: no test that names it passed in this run ({seen or 'none ran'})"
