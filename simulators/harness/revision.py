"""Which code this is: the commit of the checkout that it runs from. Knows git's command line."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DECISIVE = ("pumpd", "drivers", "simulators", "config", "constraints.txt")
"""What decides how a simulated run goes; a change anywhere else does not count."""
GIT_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """A commit, '' outside of a checkout, and whether what decides differs from it."""

    commit: str
    dirty: bool

    def __str__(self) -> str:
        if not self.commit:
            return "outside of a checkout"
        return f"{self.commit[:12]} with changes that are not committed" if self.dirty else self.commit[:12]


UNKNOWN = Revision(commit="", dirty=False)


def revision(root: Path = ROOT) -> Revision:
    """Return the revision of the code below `root`; a folder that some other repository ignores is no checkout."""
    git = shutil.which("git")
    # an installed package may lie inside a checkout whose commit says nothing about it
    if git is None or not _said(git, root, "ls-files", "--", "simulators"):
        return UNKNOWN
    commit = _said(git, root, "rev-parse", "--verify", "HEAD")
    changed = _said(git, root, "status", "--porcelain", "--", *DECISIVE)
    return UNKNOWN if not commit else Revision(commit=commit, dirty=changed != "")


def _said(git: str, root: Path, *words: str) -> str | None:
    """Return what git answers, None where it fails."""
    try:
        done = subprocess.run(  # noqa: S603 - git, found on the path, with our own words
            [git, "-C", str(root), *words], capture_output=True, text=True, check=True, timeout=GIT_TIMEOUT_S
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
