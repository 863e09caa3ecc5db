"""What blocks a start or a resume at its very bound, and in which words."""

from dataclasses import replace

import pytest

from pumpd.core import readiness, sources
from pumpd.core.commands import Attested
from pumpd.core.delivery import LEAST_RUN_NL
from pumpd.core.lockout import Lockout
from pumpd.core.modes import Mode
from pumpd.core.ports import VitalKind
from pumpd.core.state import State
from pumpd.core.vitals import Steady
from tests.core.support import S, core_in, nibp

HR, SBP, DBP, RR = VitalKind.HR, VitalKind.SBP, VitalKind.DBP, VitalKind.RR


def start(state: State, now_ns: int, *, override: bool = False) -> str:
    return "; ".join(readiness.start_blockers(state, now_ns, override=override))


def resume(state: State, now_ns: int, *, override: bool = False) -> str:
    return "; ".join(readiness.resume_blockers(state, now_ns, override=override))


def valued(state: State, kind: VitalKind, value: int | None) -> None:
    sample = replace(state.vitals.latest[kind], value=value)
    state.vitals = replace(
        state.vitals,
        latest={**state.vitals.latest, kind: sample},
        channels={**state.vitals.channels, kind: {sample.source: sample}},
    )


@pytest.mark.req("CTRL-05", "VIT-14")
@pytest.mark.parametrize(
    ("pressures", "words"),
    [
        ((), "needed, not 0"),
        (((130, 80),), "needed, not 1"),
        (((200, 80),), "needed, not 0"),
        (((130, 80), (200, 80)), "needed, not 1"),
        (((200, 80), (130, 80)), "needed, not 1"),
        (((200, 80), (200, 80)), "needed, not 0"),
        (((130, 80), (130, 80)), None),
        (((200, 80), (130, 80), (130, 80)), None),
        (((130, 80), (130, 80), (200, 80)), "needed, not 1"),
        (((130, 80), (130, 110), (130, 110)), "needed, not 0"),
        (((130, 80), (60, 40), (60, 40)), "needed, not 0"),
        (((130, 80), (130, 80), (130, 20)), "needed, not 1"),
    ],
)
def test_after_a_pressure_pause_the_last_two_readings_count(
    pressures: tuple[tuple[int, int], ...], words: str | None
) -> None:
    core, now_ns = core_in(Mode.PAUSED)
    state = core.state
    state.pressure_pause, state.paused_at_ns = True, now_ns - 600 * S
    readings = [nibp(state.paused_at_ns + (1 + index) * S, *pair) for index, pair in enumerate(pressures)]
    before = [nibp(state.paused_at_ns - S), nibp(state.paused_at_ns)]  # at the pause is not after it
    state.vitals = replace(state.vitals, readings=(*before, *readings))
    found = resume(state, now_ns)
    assert ("two consecutive cuff readings" in found) is (words is not None)
    assert words is None or words in found


@pytest.mark.req("CTRL-05")
@pytest.mark.parametrize(("sbp", "dbp"), [("low", "high"), ("high", "low")])
def test_a_reading_at_the_bounds_of_its_range_is_in_it(sbp: str, dbp: str) -> None:
    core, now_ns = core_in(Mode.PAUSED)
    state = core.state
    ranges = {wanted.vital: wanted for wanted in state.settings.profile.resume}
    state.pressure_pause, state.paused_at_ns = True, now_ns - 600 * S
    pair = (getattr(ranges[SBP], sbp), getattr(ranges[DBP], dbp))
    for step, blocked in (
        ((0, 0), False),
        ((-1 if sbp == "low" else 1, 0), True),
        ((0, -1 if dbp == "low" else 1), True),
    ):
        moved = tuple(value + more for value, more in zip(pair, step, strict=True))
        readings = tuple(nibp(state.paused_at_ns + index * S, *moved) for index in (1, 2))
        state.vitals = replace(state.vitals, readings=readings)
        assert ("two consecutive cuff readings" in resume(state, now_ns)) is blocked


@pytest.mark.req("CTRL-05")
def test_a_pressure_without_a_resume_range_or_an_upper_bound_keeps_nobody() -> None:
    core, now_ns = core_in(Mode.PAUSED)
    state = core.state
    state.pressure_pause, state.paused_at_ns = True, now_ns - 600 * S
    state.vitals = replace(state.vitals, readings=tuple(nibp(now_ns - each * S, 250, 80) for each in (2, 1)))
    profile = state.settings.profile
    open_above = tuple(replace(wanted, high=None) if wanted.vital is SBP else wanted for wanted in profile.resume)
    for ranges in (open_above, tuple(wanted for wanted in profile.resume if wanted.vital is not SBP)):
        state.settings = replace(state.settings, profile=replace(profile, resume=ranges))
        assert "two consecutive cuff readings" not in resume(state, now_ns)


@pytest.mark.req("START-05")
def test_a_range_is_told_with_value_unit_and_bound() -> None:
    core, now_ns = core_in(Mode.READY)
    state = core.state
    wanted = next(each for each in state.settings.profile.start if each.vital is HR)
    assert wanted.high is not None
    assert wanted.override_high is not None
    for value, words, overridden in (
        (wanted.low, "", ""),
        (wanted.low - 1, f"HR {wanted.low - 1} /min is below {wanted.low} /min", "is below"),
        (wanted.high, "", ""),
        (wanted.high + 1, f"HR {wanted.high + 1} /min is above {wanted.high} /min: a prescriber must start", ""),
        (wanted.override_high, f"is above {wanted.high} /min: a prescriber must start", ""),
        (wanted.override_high + 1, f"HR {wanted.override_high + 1} /min is above {wanted.high} /min", "is above"),
    ):
        valued(state, HR, value)
        assert words in start(state, now_ns)
        assert ("HR" in start(state, now_ns).replace("the cause stands: HR", "")) is bool(words)
        assert overridden in start(state, now_ns, override=True)
    valued(state, HR, wanted.override_high + 1)
    assert "a prescriber must start" not in start(state, now_ns)


@pytest.mark.req("START-05")
def test_without_an_upper_override_nobody_starts_above_the_range() -> None:
    core, now_ns = core_in(Mode.READY)
    state = core.state
    profile = state.settings.profile
    ranges = tuple(replace(wanted, override_high=None) if wanted.vital is HR else wanted for wanted in profile.start)
    state.settings = replace(state.settings, profile=replace(profile, start=ranges))
    wanted = next(each for each in ranges if each.vital is HR)
    assert wanted.high is not None
    valued(state, HR, wanted.high + 1)
    assert f"HR {wanted.high + 1} /min is above {wanted.high} /min" in start(state, now_ns, override=True)


@pytest.mark.req("START-04")
def test_a_vital_sign_that_is_missing_is_named_with_what_brings_it() -> None:
    core, now_ns = core_in(Mode.READY)
    state = core.state
    whole = state.vitals
    for kind, words in ((HR, "HR is missing"), (RR, "RR is missing: enter it with assess")):
        state.vitals = replace(whole, latest={each: old for each, old in whole.latest.items() if each is not kind})
        found = readiness.start_blockers(state, now_ns)
        assert words in found
    state.vitals = whole
    valued(state, HR, None)
    assert "HR is missing" in readiness.start_blockers(state, now_ns)


@pytest.mark.req("START-05")
def test_a_value_counts_up_to_its_age() -> None:
    core, now_ns = core_in(Mode.READY)
    state = core.state
    whole = state.vitals
    profile = state.settings.profile
    alert_ns = next(rule.alert_ns for rule in profile.ages if rule.vital is HR)
    for kind, limit_ns in ((HR, alert_ns), (RR, profile.assess_valid_ns)):
        for late_ns, blocked in ((0, False), (1, True)):
            old = replace(whole.latest[kind], measured_at_ns=now_ns - limit_ns - late_ns)
            state.vitals = replace(
                whole,
                latest={**whole.latest, kind: old},
                channels={**whole.channels, kind: {old.source: old}},
            )
            words = f"{kind.name} is {limit_ns // S} s old, limit {limit_ns // S} s"
            assert (words in readiness.start_blockers(state, now_ns)) is blocked


@pytest.mark.req("START-04")
def test_a_stream_that_was_never_in_range_has_held_for_no_time() -> None:
    core, now_ns = core_in(Mode.READY)
    state = core.state
    profile = state.settings.profile
    needed_ns = profile.start_steady_ns
    state.start_steady = {}
    assert f"HR has been in range for 0 s, {needed_ns // S} s are needed" in readiness.start_blockers(state, now_ns)
    state.settings = replace(state.settings, profile=replace(profile, start_steady_ns=1))
    assert "HR has been in range for 0 s, 0 s are needed" in readiness.start_blockers(state, now_ns)
    wanted = next(each for each in profile.start if each.vital is HR)
    for held_ns, blocked in ((needed_ns - 1, True), (needed_ns, False)):
        state.settings = replace(state.settings, profile=profile)
        state.start_steady = {HR: Steady(range=wanted, since_ns=now_ns - held_ns, last_ns=now_ns)}
        assert any("HR has been in range" in each for each in readiness.start_blockers(state, now_ns)) is blocked


@pytest.mark.req("START-10")
@pytest.mark.parametrize(("rate_nl_h", "shown"), [(4_999_990, "at 4.999 mL/h"), (5_000_000, None)])
def test_a_slow_rate_needs_an_attestation(rate_nl_h: int, shown: str | None) -> None:
    core, now_ns = core_in(Mode.READY)
    state = core.state
    state.rate_nl_h = rate_nl_h
    found = start(state, now_ns)
    assert ("attest slow-start" in found) is (shown is not None)
    assert shown is None or f"{shown} the first drug arrives late" in found
    state.attested = {**state.attested, Attested.SLOW_START: state.attested[Attested.PRIMED]}
    assert "slow-start" not in start(state, now_ns)


@pytest.mark.req("CTRL-05")
def test_what_is_too_little_to_give_is_told_in_millilitres() -> None:
    core, now_ns = core_in(Mode.PAUSED)
    state = core.state
    run = state.ledger.run
    assert run is not None
    assert LEAST_RUN_NL == 10_000
    for left_nl, blocked in ((10_000, False), (9_999, True)):
        high_nl = state.ledger.order_nl - left_nl
        state.ledger = replace(state.ledger, run=replace(run, high_nl=high_nl, moving_since_ns=None))
        assert ("less than 0.01 mL is left to give" in resume(state, now_ns)) is blocked


@pytest.mark.req("START-01", "CTRL-05")
def test_in_another_mode_or_without_an_order_nothing_else_is_asked() -> None:
    core, now_ns = core_in(Mode.RUNNING)
    assert readiness.start_blockers(core.state, now_ns) == ("the mode is running, a start needs a prepared order",)
    assert readiness.resume_blockers(core.state, now_ns) == ("the mode is running, a resume needs a paused session",)
    for mode, blockers in ((Mode.READY, readiness.start_blockers), (Mode.PAUSED, readiness.resume_blockers)):
        core, now_ns = core_in(mode)
        core.state.order = None
        (words,) = blockers(core.state, now_ns)
        assert words.startswith(f"the mode is {mode.value}, a ")


@pytest.mark.req("START-04")
def test_what_a_baseline_needs_is_told_in_seconds_and_minutes() -> None:
    core, now_ns = core_in(Mode.READY)
    profile = core.state.settings.profile
    core.state.vitals = replace(core.state.vitals, readings=())
    spacing_s, max_age_min = profile.baseline_spacing_ns // S, profile.baseline_max_age_ns // (60 * S)
    words = f"no baseline: two cuff readings at least {spacing_s} s apart and at most {max_age_min} min old"
    assert words in readiness.start_blockers(core.state, now_ns)


@pytest.mark.req("CTRL-05")
def test_a_reason_to_unlock_widens_no_resume_range() -> None:
    core, now_ns = core_in(Mode.PAUSED)
    state = core.state
    profile = state.settings.profile
    wanted = next(each for each in profile.resume if each.vital is HR)
    assert wanted.high is not None
    ranges = tuple(replace(each, override_high=wanted.high + 9) if each is wanted else each for each in profile.resume)
    state.settings = replace(state.settings, profile=replace(profile, resume=ranges))
    valued(state, HR, wanted.high + 1)
    for override in (False, True):
        assert f"HR {wanted.high + 1} /min is above {wanted.high} /min" in resume(state, now_ns, override=override)


@pytest.mark.req("VIT-11", "START-05")
def test_a_measured_rate_that_no_longer_counts_is_not_started_by() -> None:
    core, now_ns = core_in(Mode.READY)
    state = core.state
    whole = state.vitals
    entered = whole.latest[RR]
    counts_ns = sources.counts_ns(state.settings.profile, RR, "co2/rr")
    for source, age_ns, words in (
        ("co2/rr", counts_ns - 1, None),
        ("co2/rr", counts_ns, f"RR of co2/rr is {counts_ns // S} s old and no longer counts"),
        (entered.source, state.settings.profile.assess_valid_ns, None),
    ):
        sample = replace(entered, source=source, measured_at_ns=now_ns - age_ns)
        state.vitals = replace(
            whole, latest={**whole.latest, RR: sample}, channels={**whole.channels, RR: {source: sample}}
        )
        found = [each for each in readiness.start_blockers(state, now_ns) if "no longer counts" in each]
        assert found == ([] if words is None else [words])


@pytest.mark.req("CTRL-05", "START-05")
def test_where_nobody_speaks_of_an_override_there_is_none() -> None:
    core, now_ns = core_in(Mode.PAUSED)
    core.state.lockout = Lockout(reason="three occlusions")
    words = "locked: three occlusions; a prescriber must resume, with a reason"
    assert words in readiness.resume_blockers(core.state, now_ns)
    assert words not in readiness.resume_blockers(core.state, now_ns, override=True)
    core, now_ns = core_in(Mode.READY)
    wanted = next(each for each in core.state.settings.profile.start if each.vital is HR)
    assert wanted.high is not None
    valued(core.state, HR, wanted.high + 1)
    assert any("a prescriber must start" in each for each in readiness.start_blockers(core.state, now_ns))
