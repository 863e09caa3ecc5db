"""Everything that may happen at a bed, in every order: breadth first, and at random with real values."""

from decimal import Decimal
from functools import cache

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from pumpd.core import causes
from pumpd.core.commands import Assess, Lower
from pumpd.core.controller import Core
from pumpd.core.effects import Effect
from pumpd.core.events import DeadlineReached
from pumpd.core.modes import Mode
from pumpd.core.ports import Validity
from pumpd.core.quantities import NS_PER_MS, NS_PER_S
from tools.prove.acts import ACTS, view
from tools.prove.explore import ROOTS, explore, main
from tools.prove.small_world import Bed, almost_given_bed, running_bed

IN_CI = 20_000
"""A million and more are run by hand: docs/safety/README.md."""


@pytest.mark.req("CTRL-02", "CTRL-03", "CTRL-04", "CMD-02", "COMM-03", "DOSE-04", "DOSE-11", "VIT-07")
@pytest.mark.timeout(180)
def test_no_invariant_breaks_near_the_beginning_of_anything() -> None:
    found = explore(IN_CI)
    assert not found.broken, " > ".join(found.broken)
    assert found.transitions >= IN_CI
    modes = {Mode(mode) for mode in found.modes}
    assert modes >= {Mode.READY, Mode.STARTING, Mode.RUNNING, Mode.STOPPING, Mode.PAUSED, Mode.UNKNOWN, Mode.ENDED}


def test_a_walk_over_few_acts_closes() -> None:
    acts = {name: ACTS[name] for name in ("stop", "reply")}
    found = explore(10_000, roots={"running": running_bed}, acts=acts)
    assert found.closed
    assert found.states < 30


def test_what_breaks_is_told_with_the_acts_that_led_to_it() -> None:
    def leak(bed: Bed) -> None:
        bed.pump.given_nl += 1_000_000
        bed.tell(DeadlineReached(real_ns=bed.now_ns))

    found = explore(1_000, roots={"running": running_bed}, acts={"a second": ACTS["a second"], "leak": leak})
    assert found.broken[:-1] == ("running", "leak")
    assert "nL is not in" in found.broken[-1]


def test_a_copied_bed_goes_its_own_way() -> None:
    bed = running_bed(3)
    seen, rev = view(bed), bed.core.state.rev
    for name in ("stop", "spo2 80", "journal fails", "cut"):
        ACTS[name](bed.copied())
    assert (view(bed), bed.core.state.rev) == (seen, rev)


@pytest.mark.req("DOSE-04")
def test_a_doubt_of_the_counter_widens_the_bound_and_authorises_nothing() -> None:
    bed = almost_given_bed()
    for silent_ms in (500, 2_000_000, 1_000_000):  # long enough for all that is counted to have been counted anew
        bed.pass_to(bed.now_ns + silent_ms * NS_PER_MS)
    ACTS["stop"](bed)
    for _ in range(20):
        bed.live_second()
    state = bed.core.state
    assert state.mode is Mode.ENDED
    assert state.order is not None
    assert state.ledger.high(bed.now_ns) > state.order.volume_nl
    assert state.ledger.run is not None
    assert state.ledger.run.doubt_nl


def test_the_alarms_are_of_what_is_due_when_they_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_books = Core._keep_books  # what was due before the work of the clock is handed to it

    def judged(core: Core, now_ns: int, effects: list[Effect], acting: tuple[causes.Cause, ...] | None) -> None:
        assert acting in (None, tuple(causes.acting(core.state, now_ns)))
        keep_books(core, now_ns, effects, acting)

    monkeypatch.setattr(Core, "_keep_books", judged)
    assert not explore(6_000).broken


def test_the_command_tells_states_and_transitions(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--transitions", "100"]) == 0
    assert "transitions by" in capsys.readouterr().out


@cache
def _root(name: str) -> Bed:
    return ROOTS[name]()


class Bedside(RuleBasedStateMachine):
    """Acts of the alphabet among values and times of every size; each event is judged by the bed."""

    bed: Bed

    @initialize(root=st.sampled_from(sorted(ROOTS)))
    def begin(self, root: str) -> None:
        self.bed = _root(root).copied()

    @rule(act=st.sampled_from(sorted(ACTS)))
    def act(self, act: str) -> None:
        ACTS[act](self.bed)

    @rule(
        after_ms=st.integers(0, 3_000),
        spo2=st.integers(0, 127),
        hr=st.integers(0, 511),
        validity=st.sampled_from(Validity),
    )
    def values(self, after_ms: int, spo2: int, hr: int, validity: Validity) -> None:
        self.bed.pass_to(self.bed.now_ns + after_ms * NS_PER_MS)
        self.bed.frame(spo2, validity, hr=hr)

    @rule(sbp=st.integers(0, 300), dbp=st.integers(0, 300))
    def reading(self, sbp: int, dbp: int) -> None:
        self.bed.cuff(sbp, dbp)

    @rule(moaas=st.integers(-1, 6), respiration=st.integers(-1, 80))
    def assessment(self, moaas: int, respiration: int) -> None:
        self.bed.command("ben", Assess(moaas=moaas, respiration_bpm=respiration))

    @rule(rate=st.decimals(-1, 30, places=3))
    def lower(self, rate: Decimal) -> None:
        self.bed.command("anna", Lower(rate_ml_h=rate))

    @rule(seconds=st.integers(1, 90))
    def sound(self, seconds: int) -> None:
        for _ in range(seconds):
            self.bed.live_second()

    @rule(ms=st.integers(1, 2_000_000))
    def silence(self, ms: int) -> None:
        self.bed.pass_to(self.bed.now_ns + ms * NS_PER_MS)

    def teardown(self) -> None:
        if not hasattr(self, "bed"):
            return
        bed = self.bed
        bed.pump.disobeys = False
        ACTS["connect"](bed)
        ACTS["stop"](bed)
        for _ in range(20):
            bed.live_second()
        assert bed.core.state.mode in {Mode.IDLE, Mode.READY, Mode.ENDED, Mode.COMPLETED}
        assert bed.pump.moving_since_ns is None or bed.now_ns < NS_PER_S


@pytest.mark.req("CTRL-02", "CTRL-04", "CMD-02", "COMM-03", "DOSE-04", "DOSE-11", "VIT-07")
@pytest.mark.timeout(240)
class TestBedside(Bedside.TestCase):
    settings = settings(stateful_step_count=20, deadline=None)
