"""`python -m tools.interface render` writes docs/asyncapi.json and docs/mqtt.md; `check` compares them."""

import argparse
import sys
from pathlib import Path

from tools.interface import asyncapi, page

ROOT = Path(__file__).parents[2]
PAGES = ((asyncapi.PATH, asyncapi.render), (page.PATH, page.render))


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Return 0 when both documents are what the models say, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tools.interface", description=__doc__)
    parser.add_argument("what", choices=["check", "render"])
    asked = parser.parse_args(arguments)
    differs = 0
    for path, render in PAGES:
        file = root / path
        if asked.what == "render":
            file.write_text(render(), encoding="utf-8")
        elif not file.is_file() or file.read_text(encoding="utf-8") != render():
            print(f"{path} is not up to date; run 'make interface'", file=sys.stderr)
            differs = 1
    return differs


if __name__ == "__main__":
    sys.exit(main())
