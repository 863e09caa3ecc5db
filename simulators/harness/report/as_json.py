"""The report for programs."""

from collections.abc import Sequence
from dataclasses import asdict

from simulators.harness.kept import Kept
from simulators.harness.report.totals import Totals, command


def as_json(sums: Totals, kept: Sequence[Kept]) -> dict[str, object]:
    """Return the sums and every outcome, ready for JSON."""
    return {
        "tier": "full",
        **asdict(sums),
        "violated": [
            {
                "mode": outcome.mode,
                "seed": outcome.seed,
                "command": command(outcome.mode, outcome.seed),
                "blames": [asdict(blame) for blame in outcome.blames],
            }
            for outcome in sums.violated
        ],
        "outcomes": [asdict(each) for each in kept],
    }
