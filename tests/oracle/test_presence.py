"""Nobody at the bedside: what the bus shows of it, and what is blamed where the infusion goes on."""

import pytest

from pumpd.core import tending
from pumpd.core.state import State
from pumpd.mqtt.payloads import State as Shown
from simulators.harness.faults.kinds import ClockJump
from simulators.harness.faults.scenario import Manner, Mode, Nurse, Scenario
from simulators.harness.virtual.care import Care
from simulators.harness.virtual.nurse import needs_presence
from simulators.harness.virtual.stops import PRESENCE_NS
from simulators.harness.virtual.trial import Outcome, attempt, bed
from simulators.oracle.observation import NS_PER_S, Kind, Receipt, Received, Word
from simulators.oracle.presence import absences
from tests.oracle.support import at, got, said

WITHIN_S = 720


def absent(*received: Received, receipts: tuple[Receipt, ...] = (), until_s: float = 2_000) -> list[tuple[int, int]]:
    found = absences(received, receipts, from_ns=at(10), until_ns=at(until_s), within_ns=WITHIN_S * NS_PER_S)
    return [(need.from_ns // NS_PER_S, need.until_ns // NS_PER_S) for need in found]


def test_the_limit_is_that_of_the_profile() -> None:
    assert bed().profile.presence_pause_ns == PRESENCE_NS


def test_who_never_came_is_missed_from_the_begin_on() -> None:
    assert absent() == [(730, 2_000)]
    assert absent(until_s=730) == []


def test_a_confirmation_counts_from_when_it_was_taken_on_and_once() -> None:
    came = (got(99, Kind.PRESENCE, "p1"), got(700, Kind.PRESENCE, "p2"), got(1_500, Kind.PRESENCE, "p1"))
    receipts = (said(100, "p1", Word.ACCEPTED), said(700, "p2", Word.VERIFIED), said(1_500, "p1", Word.VERIFIED))
    assert absent(*came, receipts=receipts) == [(1_420, 2_000)]


def test_what_was_refused_or_is_another_command_is_no_presence() -> None:
    came = (got(500, Kind.PRESENCE, "p1"), got(600, Kind.OTHER, "a1"), got(650, Kind.PRESENCE, "p2"))
    receipts = (said(500, "p1", Word.REFUSED), said(600, "a1", Word.VERIFIED))
    assert absent(*came, receipts=receipts) == [(730, 2_000)]


class TestRun:
    """A nurse who is at the bedside only when a start or a resume asks for her."""

    @pytest.fixture(autouse=True)
    def _makes_no_rounds(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def only_when_asked(_care: Care, state: Shown, _now_ns: int) -> bool:
            return needs_presence((*state.start_blockers, *state.resume_blockers))

        monkeypatch.setattr(Care, "_must_show_herself", only_when_asked)

    @pytest.mark.req("CLIN-03")
    def test_a_daemon_that_ignores_it_is_blamed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def ignore(_state: State, _now_ns: int) -> tuple[()]:
            return ()

        monkeypatch.setattr(tending, "_presence", ignore)
        blames = played().blames
        assert {blame.rule for blame in blames} == {"I3"}
        assert any("nobody at the bedside" in blame.text for blame in blames)

    @pytest.mark.req("CLIN-03")
    def test_a_daemon_that_pauses_is_not(self) -> None:
        outcome = played()
        assert outcome.blames == ()
        assert "presence-lost" in outcome.alarms


def played() -> Outcome:
    """Play 20 min; the clock's jump is only there so that nobody expects a whole infusion."""
    jump = ClockJump(start_ms=60_000, duration_ms=0, jump_ms=1)
    scenario = Scenario(
        name="absent",
        seed=3,
        mode=Mode.SAFETY,
        length_ms=20 * 60_000,
        faults_end_ms=None,
        hazards=jump.hazards,
        nurse=Nurse(manner=Manner.PROMPT, until_ms=0),
        expect=None,
        faults=(jump,),
    )
    return attempt(scenario)
