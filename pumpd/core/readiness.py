"""What still blocks a start or a resume, each blocker in one sentence. Nothing missing is ever taken as good."""

from collections.abc import Iterator, Mapping

from pumpd.core import cleared, proving, sources, stations
from pumpd.core.causes import standing
from pumpd.core.commands import Attested
from pumpd.core.delivery import LEAST_RUN_NL
from pumpd.core.modes import Mode
from pumpd.core.ports import NibpReading, Sample, VitalKind, from_bus
from pumpd.core.profile import Action, Range
from pumpd.core.quantities import NL_PER_ML, NS_PER_MIN, NS_PER_S, in_ml
from pumpd.core.state import Starting, State
from pumpd.core.tending import presence_blockers
from pumpd.core.vitals import ENTERED, PRESSURES, Steady

SLOW_NL_H = 5 * NL_PER_ML
"""Below 5 mL/h the syringe's start-up delay matters (START-10; Neff 2001 and Snijder 2015, abstracts)."""


def start_blockers(state: State, now_ns: int, *, override: bool = False) -> tuple[str, ...]:
    """Return what blocks a start now; `override` says that a prescriber has given a reason for the override range."""
    return tuple(_start_blockers(state, now_ns, override=override))


def resume_blockers(state: State, now_ns: int, *, override: bool = False) -> tuple[str, ...]:
    """Return what blocks a resume now (requirement CTRL-05); `override`: a prescriber has given a reason to unlock."""
    return tuple(_resume_blockers(state, now_ns, override=override))


def still_blocked(state: State, begun: Starting, now_ns: int) -> tuple[str, ...]:
    """Return what has come between a start or resume that was accepted and its next step."""
    if begun.kind == "start":
        return tuple(_start_conditions(state, now_ns, override=begun.override))
    return tuple(_resume_conditions(state, now_ns, override=begun.override))


def _start_blockers(state: State, now_ns: int, *, override: bool) -> Iterator[str]:
    if state.mode is not Mode.READY or state.order is None:
        yield f"the mode is {state.mode.value}, a start needs a prepared order"
        return
    yield from _start_conditions(state, now_ns, override=override)


def _start_conditions(state: State, now_ns: int, *, override: bool) -> Iterator[str]:
    profile = state.settings.profile
    yield from _other_profile(state)
    yield from cleared.start_blockers(state)
    if state.confirmed_by is None:
        yield "the order is not confirmed by a second person"
    elif now_ns - state.confirmed_at_ns > profile.confirm_valid_ns:
        yield f"the confirmation is older than {profile.confirm_valid_ns // NS_PER_MIN} min; confirm again"
    yield from _pump_blockers(state)
    yield from _label_blockers(state, now_ns)
    yield from _attested_blockers(state)
    yield from _named_blockers(state)
    yield from presence_blockers(state, now_ns)
    yield from stations.blockers(state)
    yield from proving.blockers(state, now_ns)
    yield from state.alarms.blockers()
    yield from _standing_causes(state, now_ns)
    steady = state.override_steady if override else state.start_steady
    for wanted in profile.start:
        yield from range_blockers(state, wanted, now_ns, override=override)
        yield from _steady_blockers(wanted.vital, steady, profile.start_steady_ns, now_ns)
    if state.vitals.baseline(profile.baseline_spacing_ns, profile.baseline_max_age_ns, now_ns) is None:
        spacing_s = profile.baseline_spacing_ns // NS_PER_S
        max_age_min = profile.baseline_max_age_ns // NS_PER_MIN
        yield f"no baseline: two cuff readings at least {spacing_s} s apart and at most {max_age_min} min old"


def _resume_blockers(state: State, now_ns: int, *, override: bool) -> Iterator[str]:
    if state.mode is not Mode.PAUSED or state.order is None:
        yield f"the mode is {state.mode.value}, a resume needs a paused session"
        return
    yield from _resume_conditions(state, now_ns, override=override)


def _resume_conditions(state: State, now_ns: int, *, override: bool) -> Iterator[str]:
    profile = state.settings.profile
    if state.ending:
        yield "the infusion has ended; a new order is needed"
    yield from _other_profile(state)
    if state.lockout.reason is not None and not override:
        yield f"locked: {state.lockout.reason}; a prescriber must resume, with a reason"
    if state.line_unrelieved:
        yield (
            "the pump reported an occlusion or a stall: let off the pressure in the line away from the patient, "
            "then attest line-relieved"
        )
    yield from _pump_blockers(state)
    yield from _named_blockers(state)
    yield from presence_blockers(state, now_ns)
    yield from state.alarms.blockers()
    yield from _standing_causes(state, now_ns)
    for wanted in profile.resume:
        yield from range_blockers(state, wanted, now_ns, override=False)
        yield from _steady_blockers(wanted.vital, state.resume_steady, profile.resume_steady_ns, now_ns)
    if state.pressure_pause:
        yield from _two_readings(state)
    if state.ledger.remaining(now_ns) < LEAST_RUN_NL:
        least_ml = in_ml(LEAST_RUN_NL)
        yield f"less than {least_ml} mL is left to give, counting the high bound of what was given; end the session"


def _other_profile(state: State) -> Iterator[str]:
    """Limits are frozen for a session: a daemon restarted under others does not go on with it (requirement CFG-04)."""
    profile = state.settings.profile
    if state.order is not None and state.order.profile_hash != profile.hash:
        yield (
            f"the order was made under profile {state.order.profile_hash}, the daemon now runs {profile.hash}; "
            "end this session and prepare a new order"
        )


def _label_blockers(state: State, now_ns: int) -> Iterator[str]:
    order = state.order
    if order is None or state.prepared_ns is None:
        yield "nobody knows since when the syringe is mixed: prepare again"
        return
    blocker = order.label.blocker(now_ns - state.prepared_ns, state.settings.profile.mixed_max_ns)
    if blocker is not None:
        yield blocker


def _attested_blockers(state: State) -> Iterator[str]:
    if Attested.PRIMED not in state.attested:
        yield "nobody has attested that the line was primed on the pump before it was connected: attest primed"
    if Attested.LIMB_SHARED in state.attested:
        yield "cuff and probe are on the same limb, where the cuff takes the probe's pulse away; move one of them"
    elif Attested.LIMBS_APART not in state.attested:
        yield "nobody has attested that cuff and probe are on different limbs: attest limbs-apart"
    if state.rate_nl_h < SLOW_NL_H and Attested.SLOW_START not in state.attested:
        rate_ml_h = in_ml(state.rate_nl_h)
        yield f"at {rate_ml_h} mL/h the first drug arrives late, and a stall is seen late: attest slow-start"


def _named_blockers(state: State) -> Iterator[str]:
    """Ask for a person's word on what the pump cannot read back, before each start and resume (START-07)."""
    if Attested.SYRINGE_LABEL not in state.attested and state.order is not None:
        yield (
            f"nobody has attested that the syringe is a {state.order.syringe.name} labelled as ordered: "
            "attest syringe-label"
        )
    attached = state.pump.attached
    if attached is not None and attached.serial is None and Attested.PUMP_SERIAL not in state.attested:
        yield "the pump cannot report its serial number; compare it with the one of this bed: attest pump-serial"


def _standing_causes(state: State, now_ns: int) -> Iterator[str]:
    for cause in standing(state, now_ns):
        if cause.action is not Action.ALERT:
            yield f"the cause stands: {cause.condition.text}"


def _pump_blockers(state: State) -> Iterator[str]:
    pump = state.pump
    if not pump.link_up:
        yield pump.no_link()
    elif pump.attach_error is not None:
        yield f"the pump cannot be used: {pump.attach_error}"
    elif pump.attached is None or not pump.at_rest:
        yield "the pump has not been identified and found at rest yet"
    elif pump.attached.lease_ns != state.settings.profile.lease_ns:
        yield "the pump's lease is not the one of the profile"
    if state.halt is not None:
        yield "a stop is not yet confirmed"
    if state.journal_error is not None:
        yield f"the journal is not writable: {state.journal_error}"
    if state.broker_lost_real_ns is not None:
        yield "the broker is not connected"


def range_blockers(state: State, wanted: Range, now_ns: int, *, override: bool) -> Iterator[str]:
    """Yield why the newest values of a vital sign are not in a range, or too old for it."""
    kind = wanted.vital
    profile = state.settings.profile
    sample = state.vitals.latest.get(kind)
    age_ns = state.vitals.age_ns(kind, now_ns)
    if sample is None or sample.value is None or age_ns is None:
        yield f"{kind.name} is missing" + (": enter it with assess" if kind in ENTERED else "")
        return
    limit_ns = profile.assess_valid_ns if kind in ENTERED else age_limit_ns(state, kind)
    if age_ns > limit_ns:
        yield f"{kind.name} is {age_ns / NS_PER_S:.0f} s old, limit {limit_ns / NS_PER_S:.0f} s"
        return
    counted = sources.counting(state, kind, now_ns)
    if not counted and from_bus(sample.source):
        yield f"{kind.name} of {sample.source} is {age_ns / NS_PER_S:.0f} s old and no longer counts"
    for each in counted or (sample,):
        yield from _outside(each, wanted, override=override)


def _outside(sample: Sample, wanted: Range, *, override: bool) -> Iterator[str]:
    kind, value = sample.kind, sample.value
    assert value is not None  # noqa: S101 - only usable samples are kept
    shown = f"{kind.name} {value} {kind.unit}"
    if value < wanted.low:
        yield f"{shown} is below {wanted.low} {kind.unit}"
    elif wanted.high is not None and value > wanted.high:
        if wanted.override_high is None or value > wanted.override_high:
            yield f"{shown} is above {wanted.high} {kind.unit}"
        elif not override:
            yield f"{shown} is above {wanted.high} {kind.unit}: a prescriber must start, with a reason"


def _steady_blockers(kind: VitalKind, steady: Mapping[VitalKind, Steady], needed_ns: int, now_ns: int) -> Iterator[str]:
    """Ask that a stream has been in its range for long enough; what is measured now and then has no such time."""
    if kind in PRESSURES or kind in ENTERED:
        return
    watch = steady.get(kind)
    held_ns = watch.held_ns(now_ns) if watch else 0
    if held_ns < needed_ns:
        yield f"{kind.name} has been in range for {held_ns / NS_PER_S:.0f} s, {needed_ns / NS_PER_S:.0f} s are needed"


def age_limit_ns(state: State, kind: VitalKind) -> int:
    """Return how old a measured vital sign may be before it alerts."""
    return next(rule.alert_ns for rule in state.settings.profile.ages if rule.vital is kind)


def _two_readings(state: State) -> Iterator[str]:
    """After a blood-pressure pause two consecutive readings in range are needed."""
    ranges = {wanted.vital: wanted for wanted in state.settings.profile.resume}
    after = [reading for reading in state.vitals.readings if reading.measured_at_ns > state.paused_at_ns][-2:]
    if len(after) < 2 or not all(_in_range(reading, ranges) for reading in after):
        good = sum(1 for reading in after if _in_range(reading, ranges))
        yield f"after a blood-pressure pause two consecutive cuff readings in range are needed, not {good}"


def _in_range(reading: NibpReading, ranges: Mapping[VitalKind, Range]) -> bool:
    for kind, value in ((VitalKind.SBP, reading.sbp_mmhg), (VitalKind.DBP, reading.dbp_mmhg)):
        wanted = ranges.get(kind)
        if wanted is not None and (value < wanted.low or (wanted.high is not None and value > wanted.high)):
            return False
    return True
