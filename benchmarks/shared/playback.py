"""Plays a recording to the real core: infusions one after the other, with nurses who do at once what is asked of them.

The core takes part in the recording only as a listener: what was recorded goes on as it did, whatever it pauses. A cuff
cycle that it asks for ends with the next reading that was recorded.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace

from benchmarks.shared.recording import STREAMS, Recording, RecordingError, Row
from pumpd.core.commands import Acknowledge, Assess, Attest, Confirm, Presence, Resume, Start
from pumpd.core.controller import Core
from pumpd.core.effects import Effect, KeepEvidence
from pumpd.core.events import Booted, BrokerConnected, Event, JournalConfirmed, StationSeen, TokenIssued
from pumpd.core.evidence import Evidence
from pumpd.core.modes import Mode
from pumpd.core.ports import NibpReading, Outcome, RunAnswered, Sample, SamplesReceived, Validity, VitalKind
from pumpd.core.profile import Action, Profile
from pumpd.core.quantities import NS_PER_MIN, NS_PER_S
from pumpd.core.readiness import resume_blockers, start_blockers
from pumpd.core.rest import Aim
from pumpd.core.state import Settings
from simulators.harness.virtual.nurse import ORDER, SEEN_BEFORE_START
from tools.prove.small_world import BEGIN_NS, OPERATORS, SEEN_WITHIN_NS, Bed

ROUND_NS = 90 * NS_PER_S
"""How often a nurse says that she is there, and enters what no monitor measures."""
LOOK_BACK_NS = NS_PER_MIN
"""A pause is false where nothing true was beyond a limit in the minute before it."""
OVER = frozenset({Mode.COMPLETED, Mode.ENDED})
COUNTED_BPM = 14
"""What the nurse counts; a recorded respiration is judged beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """A pause, or an end, of a moving pump that no human asked for. `false` is None where nobody knows the truth."""

    recording: str
    at_s: float
    rule: str
    text: str
    ended: bool
    false: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What became of one recording."""

    infusions: int
    running_s: int
    halts: tuple[Halt, ...]


class _RecordedBed(Bed):
    """A bed that keeps the evidence of what the core halted by itself."""

    def __init__(self, profile: Profile, now_ns: int) -> None:
        # a recording has limits to be tried on, and no clinic that clears it
        waived = replace(profile, clearance_required=False)
        settings = Settings(profile=waived, operators=OPERATORS, simulated=True, averaging_ns=0)
        super().__init__(core=Core(settings), now_ns=now_ns)
        self.evidence: list[Evidence] = []
        self.shown_ns = self.assessed_ns = -ROUND_NS

    def tell(self, event: Event) -> list[Effect]:
        """Give the core an event."""
        effects = super().tell(event)
        self.evidence += [effect.evidence for effect in effects if isinstance(effect, KeepEvidence)]
        return effects


def play(recording: Recording, profile: Profile) -> Played:
    """Infuse for as long as the recording lasts; raise `RecordingError` where nothing could be started."""
    rows = deque(recording.rows)
    infusions = running_s = 0
    halts: list[Halt] = []
    blockers: tuple[str, ...] = ()
    while rows:
        bed = _begun(profile, BEGIN_NS + rows[0].at_ns)
        seen: deque[Row] = deque()
        first: Row | None = None
        ran_s = 0
        while rows and bed.core.state.mode not in OVER:
            _second(bed, rows, seen)
            if bed.core.state.mode is Mode.RUNNING:
                ran_s += 1
                first = first or seen[-1]
            halts += [
                _halt(recording, profile, each, seen, first or seen[-1]) for each in bed.evidence if each.halted.moving
            ]
            bed.evidence.clear()
        blockers = start_blockers(bed.core.state, bed.now_ns)
        infusions += ran_s > 0
        running_s += ran_s
    if not infusions:
        raise RecordingError(f"{recording.name}: no infusion could be started on it: {'; '.join(blockers)}")
    return Played(infusions=infusions, running_s=running_s, halts=tuple(halts))


def _begun(profile: Profile, now_ns: int) -> _RecordedBed:
    bed = _RecordedBed(profile, now_ns)
    bed.tell(
        Booted(boot="recorded", bed="bed1", recovered=None, alarms=bed.alarms, seen_ids=(), real_ns=now_ns, wall_ns=0)
    )
    bed.tell(BrokerConnected(real_ns=now_ns))
    bed.connect()
    return bed


# ---- one second -----------------------------------------------------------------------------------------------------


def _second(bed: _RecordedBed, rows: deque[Row], seen: deque[Row]) -> None:
    """Let a second pass: what was recorded in it, a heartbeat, a station, an answer of the pump, what the nurses do."""
    asks_ns = bed.now_ns + NS_PER_S - SEEN_WITHIN_NS
    while rows and BEGIN_NS + rows[0].at_ns <= asks_ns:
        row = rows.popleft()
        bed.pass_to(max(BEGIN_NS + row.at_ns, bed.now_ns))
        _show(bed, row)
        seen.append(row)
    while len(seen) > 1 and bed.now_ns - BEGIN_NS - seen[0].at_ns > LOOK_BACK_NS:
        seen.popleft()
    bed.pass_to(asks_ns)
    token = f"t{bed.now_ns}"
    bed.tell(TokenIssued(token=token, real_ns=bed.now_ns))
    bed.tell(StationSeen(user="anna", token=token, real_ns=bed.now_ns, test_age_ns=0))
    bed.answer_self_test()
    bed.drive()
    if bed.asked_ns is None:
        bed.now_ns += SEEN_WITHIN_NS
    else:
        bed.reply()
    _nurse(bed)


def _show(bed: _RecordedBed, row: Row) -> None:
    now_ns, values = bed.now_ns, row.values
    samples = []
    if VitalKind.SBP not in values or any(kind in values for kind in STREAMS.values()):
        samples += [_sample(kind, values.get(kind), now_ns, "recorded") for kind in STREAMS.values()]
    if VitalKind.RR in values:
        samples.append(_sample(VitalKind.RR, values[VitalKind.RR], now_ns, "recorded/rr"))
    if samples:
        bed.tell(SamplesReceived(samples=tuple(samples)))
    if VitalKind.SBP in values:
        reading = NibpReading(
            source="recorded",
            cycle=now_ns,
            sbp_mmhg=values[VitalKind.SBP],
            dbp_mmhg=values[VitalKind.DBP],
            map_mmhg=values[VitalKind.MAP],
            pulse_bpm=None,
            measured_at_ns=now_ns,
        )
        bed.tell(reading)


def _sample(kind: VitalKind, value: int | None, now_ns: int, source: str) -> Sample:
    validity = Validity.MISSING if value is None else Validity.VALID
    return Sample(kind=kind, value=value, validity=validity, measured_at_ns=now_ns, source=source, seq=now_ns)


# ---- people ---------------------------------------------------------------------------------------------------------


def _nurse(bed: _RecordedBed) -> None:
    for alarm in bed.core.state.alarms.listed:
        if alarm.acknowledged_by is None:
            bed.command("anna", Acknowledge(alarm=alarm.id, episode=alarm.episode))
    if bed.core.state.mode is Mode.IDLE:
        bed.command("anna", ORDER)
        for item in SEEN_BEFORE_START:
            bed.command("anna", Attest(item=item))
    if bed.now_ns - bed.shown_ns >= ROUND_NS:
        bed.shown_ns = bed.now_ns
        bed.command("anna", Presence())
        bed.command("anna", Assess(moaas=5, respiration_bpm=COUNTED_BPM))
    state = bed.core.state
    order_hash = "" if state.order is None else state.order.hash
    if state.mode is Mode.READY:
        _confirmed(bed, order_hash)
        if not start_blockers(state, bed.now_ns):
            _go(bed, Start(order_hash=order_hash))
    elif state.mode is Mode.PAUSED and not resume_blockers(state, bed.now_ns):
        _go(bed, Resume(order_hash=order_hash))


def _confirmed(bed: _RecordedBed, order_hash: str) -> None:
    state = bed.core.state
    if state.confirmed_by is None or bed.now_ns - state.confirmed_at_ns > state.settings.profile.confirm_valid_ns:
        check = Confirm(
            order_hash=order_hash,
            weight_kg=ORDER.weight_kg,
            concentration_mg_ml=ORDER.declared_concentration_mg_ml,
            drug=state.settings.profile.drug.name,
            syringe=ORDER.syringe,
            authenticated=True,
        )
        bed.command("ben", check)


def _go(bed: _RecordedBed, wish: Start | Resume) -> None:
    """Let a start or resume come to a run: the intent is durable, the pump programmed, RUN answered."""
    bed.command("anna", wish)
    token, bed.intent = bed.intent, None
    bed.tell(JournalConfirmed(token=token or ""))
    bed.program()
    run_id = bed.begin_run()
    if run_id is not None:
        bed.tell(RunAnswered(run_id=run_id, outcome=Outcome.ANSWERED, reason=""))


# ---- what a halt was worth ------------------------------------------------------------------------------------------


def _halt(recording: Recording, profile: Profile, evidence: Evidence, seen: deque[Row], first: Row) -> Halt:
    text = evidence.halted.cause
    found = [cause.id for cause in evidence.causes if cause.text in text]
    truths = [row.truth for row in seen if row.truth is not None]
    false = not any(_is_beyond(profile, truth, first.truth or {}) for truth in truths) if truths else None
    return Halt(
        recording=recording.name,
        at_s=(evidence.at_ns - BEGIN_NS) / NS_PER_S,
        rule=found[0] if found else "other",
        text=text,
        ended=evidence.halted.aim is Aim.END,
        false=false,
    )


def _is_beyond(profile: Profile, truth: Mapping[VitalKind, int], before: Mapping[VitalKind, int]) -> bool:
    """Say whether any true value is beyond a limit that pauses or ends; a rise is one above the truth at the start."""
    return any(
        rule.side.beyond(truth[rule.vital], rule.limit + (before[rule.vital] if rule.relative else 0))
        for rule in profile.rules
        if rule.action is not Action.ALERT and rule.vital in truth
    )
