"""What is the case at this instant: in words for an alarm, and whole for the evidence of a halt. Decides nothing."""

from collections.abc import Iterator, Mapping

from pumpd.core.alarms import Circumstances, Condition
from pumpd.core.evidence import WIRE_AFTER_NS, WIRE_BEFORE_NS, Evidence, Halted, PumpSeen, SampleSeen
from pumpd.core.halting import delivered_text
from pumpd.core.modes import Mode
from pumpd.core.ports import Sample, VitalKind
from pumpd.core.quantities import NS_PER_S
from pumpd.core.rest import Aim, Phase
from pumpd.core.state import State

_DONE = {
    Aim.LOOK: "The pump was told to stop, to be sure that it rests.",
    Aim.UNDO: "The start was called off; the pump was told to stop.",
    Aim.PAUSE: "The infusion was paused; the pump was told to stop.",
    Aim.FAULT: "The run was given up; the pump was told to stop.",
    Aim.END: "The infusion was ended; the pump was told to stop.",
}


def circumstances(state: State, now_ns: int) -> Circumstances:
    """Return what an alarm keeps of the instant in which it was raised."""
    return Circumstances(values="; ".join(_values(state, now_ns)), action=_action(state))


def _values(state: State, now_ns: int) -> Iterator[str]:
    for kind in VitalKind:
        sample = state.vitals.latest.get(kind)
        if sample is not None:
            yield f"{kind.name} {sample.value} {kind.unit} ({_seconds(now_ns - sample.measured_at_ns)} old)"
    status = state.pump.status
    if not state.pump.link_up:
        yield state.pump.no_link()
    elif status is not None:
        yield f"pump: {status.state.value} ({_seconds(now_ns - status.asked_at_ns)} old)"
    if state.order is not None:
        yield f"given: {delivered_text(state, now_ns)}"


def _seconds(age_ns: int) -> str:
    return f"{age_ns / NS_PER_S:.1f} s"


def _action(state: State) -> str:
    halt = state.halt
    if halt is not None:
        if not state.pump.link_up:
            return "Nothing can be sent to the pump; its own watchdog stops it within the lease."
        if halt.phase is not Phase.REPEATING:
            return "The pump did not obey; it is left silent so that its own watchdog stops it."
        return _DONE[halt.aim]
    if state.mode is Mode.RUNNING:
        return "None; the infusion goes on."
    if state.mode is Mode.STARTING:
        return "None; the start goes on."
    return "None; the pump is at rest." if state.pump.at_rest else "None."


def _seen(samples: Mapping[VitalKind, Sample], now_ns: int) -> tuple[SampleSeen, ...]:
    return tuple(SampleSeen(sample=sample, age_ns=now_ns - sample.measured_at_ns) for sample in samples.values())


def evidence(state: State, halted: Halted, causes: tuple[Condition, ...], now_ns: int) -> Evidence:
    """Return the evidence of a halt that began at `now_ns`."""
    vitals, pump, profile, order = state.vitals, state.pump, state.settings.profile, state.order
    run = state.ledger.run
    return Evidence(
        at_ns=now_ns,
        halted=halted,
        causes=causes,
        crossed=tuple(state.interlocks.pending.values()),
        samples=_seen(vitals.latest, now_ns),
        refused=_seen(vitals.refused, now_ns),
        baseline=state.baseline,
        pump=PumpSeen(
            link_up=pump.link_up,
            status=pump.status,
            status_age_ns=None if pump.status is None else now_ns - pump.status.asked_at_ns,
            counter=pump.counter,
            counter_age_ns=None if pump.counter is None else now_ns - pump.counter.asked_at_ns,
            lease_ns=profile.lease_ns,
            polled_age_ns=now_ns - pump.polled_ns,
        ),
        session=state.session,
        order_hash=None if order is None else order.hash,
        run_id=None if run is None else run.run_id,
        rate_nl_h=None if run is None else run.rate_nl_h,
        low_nl=state.ledger.low(),
        high_nl=state.ledger.high(now_ns),
        profile_name=profile.name,
        profile_version=profile.version,
        profile_hash=profile.hash,
        versions=state.settings.versions,
        prepared_by=None if order is None else order.prepared_by,
        confirmed_by=state.confirmed_by,
        started_by=state.started_by,
        attested=tuple(state.attested.values()),
        alarms=state.alarms.listed,
        wire_from_ns=now_ns - WIRE_BEFORE_NS,
        wire_until_ns=now_ns + WIRE_AFTER_NS,
    )
