"""Made-up outcomes for the reports: no run is needed to see what a report says of it."""

from dataclasses import replace

from simulators.harness.kept import Kept
from simulators.harness.revision import Revision
from simulators.harness.virtual.figures import Figures, Halts, Interval, Reaction
from simulators.harness.virtual.trial import Blame, Outcome

CODE = Revision(commit="0123456789abcdef0123456789abcdef01234567", dirty=False)
LATER = Revision(commit="fedcba9876543210fedcba9876543210fedcba98", dirty=True)
BLAME = Blame(rule="I3", at_ms=61_500, text="<b>link</b> lost & found | flow never ended")

FIGURES = Figures(
    over_nl=-220,
    allowed_over_nl=40_104,
    stops=5,
    reactions=(
        Reaction(
            cause="hr beyond its limit",
            path="clear",
            count=2,
            slowest_ms=5,
            allowed_ms=1_500,
            least_left_ms=1_495,
            unended=0,
        ),
        Reaction(
            cause="the daemon died",
            path="dead",
            count=1,
            slowest_ms=1_354,
            allowed_ms=6_000,
            least_left_ms=4_646,
            unended=0,
        ),
    ),
    interval=Interval(final_nl=1_000, widest_nl=11_143, records=454, outside=0),
    halts=(
        Halts(cause="journal", became="paused", count=2, total_ms=8_608),
        Halts(cause="hr-high-end", became="ended", count=1, total_ms=0),
        Halts(cause="the order is given", became="completed", count=1, total_ms=339),
    ),
    struck=("daemon-killed",),
)


def made(seed: int, mode: str = "safety", *, blames: tuple[Blame, ...] = (), figures: Figures | None = FIGURES) -> Kept:
    """An outcome as a run might give it."""
    outcome = Outcome(
        name=f"{mode}-{seed}",
        seed=seed,
        mode=mode,
        digest=f"{seed:064x}",
        ended="completed",
        first_rest="paused",
        alarms=("journal",),
        ordered_nl=0 if figures is None else 17_500_000,
        given_nl=0 if figures is None else 17_499_780,
        simulated_s=3_600,
        faults=("daemon-killed", "daemon-killed", "broker-gone"),
        blames=blames,
        figures=figures,
    )
    return Kept(revision=CODE, outcome=outcome)


def on_later_code(kept: Kept) -> Kept:
    return replace(kept, revision=LATER)
