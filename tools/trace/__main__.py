"""`python -m tools.trace check` verifies the trace both ways; `render` writes its page."""

import argparse
import sys
from pathlib import Path

from tools.trace import catalogue, judge, page
from tools.trace.collect import CollectError, collect

ROOT = Path(__file__).parents[2]


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Return 0 when the trace holds, 1 when it does not; say why on standard error."""
    parser = argparse.ArgumentParser(prog="python -m tools.trace", description=__doc__)
    parser.add_argument("what", choices=["check", "render"])
    parser.add_argument("--strict", action="store_true", help="refuse a requirement that waits for the safety core")
    asked = parser.parse_args(arguments)
    try:
        found = catalogue.load(root)
        tests = collect(root)
    except (catalogue.CatalogueError, CollectError) as error:
        return _refuse([str(error)])
    faults = list(judge.gaps(found, tests, strict=asked.strict))
    if faults:
        return _refuse(faults)
    text = page.render(found, tests)
    if asked.what == "render":
        page.write(root, text)
    elif not page.is_current(root, text):
        return _refuse([f"{page.PATH} is not up to date; run 'make trace'"])
    return 0


def _refuse(faults: list[str]) -> int:
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
