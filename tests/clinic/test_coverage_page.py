"""The page that lists the clinic's statements names tests that exist."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "seed-coverage.md"


def test_every_test_that_the_page_names_exists() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    named = 0
    for row in rows:
        shown = row.rstrip("|").rsplit("|", 1)[-1]
        for part in shown.split(";"):
            files = re.findall(r"`([a-z]+/test_\w+\.py)`", part)
            texts = [(TESTS / file).read_text(encoding="utf-8") for file in files]
            for name in re.findall(r"`(test_\w+)`", part):
                assert any(f"def {name}(" in text for text in texts), f"{name} is not in {files}"
                named += 1
    assert named >= 30
