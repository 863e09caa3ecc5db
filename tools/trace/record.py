"""The record of one test run: for each requirement the tests that named it and how they ended, on which commit."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
KEY = "requirement"
"""Under this name a test carries each requirement it names in its `user_properties`."""
PATH = Path(".trace/run.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a run of the tests showed."""

    commit: str | None  # None outside a git checkout
    clean: bool  # the working tree was exactly that commit
    complete: bool  # asked to show every requirement, not a part of the tests
    outcomes: Mapping[str, Mapping[str, str]]  # requirement id, then node id of the test


def function_of(node: str) -> str:
    """Return the test function of a node id: the cases of a parametrised test are one.

    A parallel run adds `@` and the name of a group of tests that must not run at the same time.
    """
    return node.partition("[")[0].partition("@")[0]


def write(root: Path, run: Run) -> None:
    """Keep `run` below `root`, in place of the one before."""
    outcomes = {item: dict(sorted(run.outcomes[item].items())) for item in sorted(run.outcomes)}
    content = {"schema": 1, "commit": run.commit, "clean": run.clean, "complete": run.complete, "outcomes": outcomes}
    path = root / PATH
    path.parent.mkdir(exist_ok=True)
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(content, indent=1) + "\n")
    draft.replace(path)


def commit_of(root: Path) -> tuple[str | None, bool]:
    """Return the commit that is checked out below `root`, and whether the tree is exactly that."""
    head = _git(root, "rev-parse", "--verify", "HEAD")
    return (head, _git(root, "status", "--porcelain") == "") if head else (None, False)


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603 - fixed arguments
            ["git", "-c", "safe.directory=*", *arguments],  # noqa: S607 - git as the developer has it
            cwd=root,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
