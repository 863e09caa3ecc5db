"""A small project with hazards, requirements and tests of its own, for the tests of the trace."""

from pathlib import Path

REQUIREMENTS = """\
schema = 1

[[requirement]]
id = "DOSE-01"
group = "dose and rate"
text = "The dose is right."
hazard = ["H-01"]
proposed = true
source = "a manual"

[[requirement]]
id = "UI-01"
group = "user interface"
text = "The dose is shown."
hazard = ["H-01", "H-02"]
proposed = false
source = "our judgement"
"""
HAZARDS = """\
schema = 1

[[hazard]]
id = "H-01"
title = "Too much"
category = "operational"
causes = ["a wrong number"]
harm = "sedation"
severity = "serious"
controls = ["DOSE-01", "UI-01"]

[[hazard]]
id = "H-02"
title = "Not seen"
category = "use"
causes = ["a dark screen"]
harm = "a late response"
severity = "minor"
controls = ["UI-01"]
"""
WAITING = """\
schema = 1

[[waiting]]
id = "UI-01"
waits_for = "dashboard"
reason = "There is no screen yet."
"""
FILES = {"requirements.toml": REQUIREMENTS, "hazards.toml": HAZARDS, "waiting.toml": WAITING}
INI = """\
[pytest]
markers = req(*ids): requirements
asyncio_default_fixture_loop_scope = function
addopts = --strict-markers
"""


def make_project(root: Path, **changed: str) -> Path:
    """Write the files below `root`; `changed` gives the text of one by its name without `.toml`."""
    folder = root / "docs" / "safety"
    folder.mkdir(parents=True)
    for name, text in FILES.items():
        (folder / name).write_text(changed.get(name.removesuffix(".toml"), text))
    return root
