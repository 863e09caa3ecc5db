"""Applies a scenario's faults to a bay at their instants. Knows the bay's hooks and nothing of what must come of it.

Every hook is called at the begin and at the end of its fault and sets the bay to what is in force then, so that faults
of one kind may overlap.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar, assert_never

from pumpd.core.commands import Command, Pause, Resume, Start, Stop
from pumpd.mqtt.intake import to_request
from pumpd.mqtt.topics import BedTopics, Channel, Topic, parse
from simulators.devices import overlays
from simulators.devices.ne1000.faults import Fault as PumpFault
from simulators.devices.ne1000.numbers import format_thousandths
from simulators.devices.nonin.faults import Fault as OximeterFault
from simulators.devices.nonin.faults import Probe
from simulators.devices.suntech.faults import ErrorCode
from simulators.devices.suntech.faults import Fault as CuffFault
from simulators.devices.vitals import TrueVitals
from simulators.harness.faults.hooks import hook
from simulators.harness.faults.kinds import (
    NS_PER_MS,
    Apnoea,
    BrokerGone,
    BytesCorrupted,
    BytesDelayed,
    BytesDuplicated,
    BytesLost,
    BytesSplit,
    ClockJump,
    CommandForged,
    CommandRetained,
    CommandsDoubled,
    CommandsLate,
    CounterLost,
    CuffFails,
    CuffFailure,
    DaemonKilled,
    Desaturation,
    Direction,
    DiskFull,
    DiskStalled,
    Fault,
    Forgery,
    FsyncFails,
    HalfDuplexDropsStp,
    HeartRateChange,
    HostStalled,
    IgnoresStp,
    JournalTorn,
    Key,
    KeyPressed,
    KeyRate,
    KeySetting,
    Line,
    LineUnplugged,
    Occlusion,
    PressureSurge,
    ProbeOff,
    PumpReset,
    PumpStall,
    ReplyLostAfterExecution,
    SensorFrozen,
    SensorLying,
    Setting,
    SettingWrong,
    Shown,
)
from simulators.harness.virtual.bay import CUFF, OXIMETER, PUMP, Bay
from simulators.harness.virtual.bus import SOUND as SOUND_BUS
from simulators.harness.virtual.bus import BusFaults
from simulators.harness.virtual.link import SOUND as SOUND_LINE
from simulators.harness.virtual.link import LineFaults

T = TypeVar("T")

RAMP_NS = 10_000_000_000
"""How long the patient takes to change."""
FORGER = "anna"
"""Whose account a forged command comes from."""
FORGED_EVERY_NS = 1_000_000_000
_FAILURES = {
    CuffFailure.WEAK_SIGNAL: ErrorCode.WEAK_SIGNAL,
    CuffFailure.ARTEFACT: ErrorCode.ARTEFACT,
    CuffFailure.LEAK: ErrorCode.LEAK,
    CuffFailure.BLOCKED_HOSE: ErrorCode.BLOCKED_HOSE,
}


class Mischief:
    """What goes wrong in one bay. `arm` it once, inside `run`, when the scenario begins."""

    def __init__(self, bay: Bay, faults: Sequence[Fault]) -> None:
        self.keypad_starts_ns: list[int] = []
        """When somebody made the pump flow at its own keys."""
        self.keypad_rates_ns: list[int] = []
        """When somebody set another rate there, and the pump took it."""
        self._bay = bay
        self._faults = tuple(faults)
        self._in_force: list[Fault] = []
        self._begun: list[Fault] = []

    def arm(self) -> None:
        """Set a timer for each begin and end."""
        begin_ns = self._bay.clock.now_ns()
        for fault in self._faults:
            self._bay.clock.call_at(begin_ns + fault.start_ns, partial(self._begin, fault))
            if fault.duration_ms:
                self._bay.clock.call_at(begin_ns + fault.end_ns, partial(self._end, fault))

    def _begin(self, fault: Fault) -> None:
        if fault.duration_ms:
            self._in_force.append(fault)
        self._apply(fault, begins=True)

    def _end(self, fault: Fault) -> None:
        self._in_force = [each for each in self._in_force if each is not fault]
        self._apply(fault, begins=False)

    def _apply(self, fault: Fault, *, begins: bool) -> None:
        hooks: dict[str, Callable[[Fault, bool], None]] = {
            "spoil_line": self._spoil_line,
            "unplug": self._unplug,
            "spoil_pump": self._spoil_pump,
            "cut_pump_power": self._cut_pump_power,
            "press_key": self._press_key,
            "spoil_oximeter": self._spoil_oximeter,
            "spoil_cuff": self._spoil_cuff,
            "set_wall_clock": self._set_wall_clock,
            "stop_broker": self._stop_broker,
            "spoil_commands": self._spoil_commands,
            "plant_command": self._plant_command,
            "spoil_disk": self._spoil_disk,
            "kill_daemon": self._kill_daemon,
            "stall_host": self._stall_host,
            "change_patient": self._change_patient,
        }
        hooks[hook(fault)](fault, begins)

    def _forced(self, kind: type[T]) -> list[T]:
        return [each for each in self._in_force if isinstance(each, kind)]

    # ---- lines ------------------------------------------------------------------------------------------------------

    def _spoil_line(self, _fault: Fault, _begins: bool) -> None:
        for line in Line:
            link = self._bay.links[line.value]
            link.to_device.faults = self._line_faults(line, Direction.TO_DEVICE)
            link.to_host.faults = self._line_faults(line, Direction.FROM_DEVICE)

    def _line_faults(self, line: Line, direction: Direction) -> LineFaults:
        sum_ = SOUND_LINE
        for fault in self._in_force:
            match fault:
                case BytesLost() | BytesSplit() | BytesDelayed() | BytesCorrupted() | BytesDuplicated():
                    if fault.line is line and fault.direction in {direction, Direction.BOTH}:
                        sum_ = _with(sum_, fault)
                case _:
                    pass
        return sum_

    def _unplug(self, _fault: Fault, _begins: bool) -> None:
        out = {each.line for each in self._forced(LineUnplugged)}
        for line in Line:
            link = self._bay.links[line.value]
            if line in out and link.is_plugged:
                link.unplug()
            elif line not in out and not link.is_plugged:
                link.plug()

    # ---- pump -------------------------------------------------------------------------------------------------------

    def _spoil_pump(self, fault: Fault, begins: bool) -> None:
        pump, now_ns = self._bay.pump, self._bay.clock.now_ns()
        match fault:
            case ReplyLostAfterExecution():
                pump.begin_fault(PumpFault.DROP_REPLY, now_ns, fault.replies)
            case SettingWrong():
                pump.begin_fault(PumpFault.KEEPS_WRONG_SETTING, now_ns, fault.error_permille)
            case CounterLost():
                pump.begin_fault(PumpFault.COUNTER_LOST, now_ns)
            case PumpStall() | Occlusion():
                if begins:
                    travel_nl = fault.travel_nl if isinstance(fault, Occlusion) else 0
                    pump.begin_fault(PumpFault.STALL, now_ns, travel_nl)
                elif not self._forced(PumpStall) and not self._forced(Occlusion):
                    pump.end_fault(PumpFault.STALL, now_ns)
            case IgnoresStp():
                self._set_pump(PumpFault.IGNORES_STP, in_force=bool(self._forced(IgnoresStp)))
            case HalfDuplexDropsStp():
                self._set_pump(PumpFault.HALF_DUPLEX_DROPS_STP, in_force=bool(self._forced(HalfDuplexDropsStp)))
            case _:
                raise ValueError(f"{fault.name} does not belong to this hook")
        self._bay.links[PUMP].wake()

    def _set_pump(self, fault: PumpFault, *, in_force: bool) -> None:
        now_ns = self._bay.clock.now_ns()
        if in_force:
            self._bay.pump.begin_fault(fault, now_ns)
        else:
            self._bay.pump.end_fault(fault, now_ns)

    def _cut_pump_power(self, _fault: Fault, _begins: bool) -> None:
        now_ns = self._bay.clock.now_ns()
        if self._forced(PumpReset):
            self._bay.pump.power_off(now_ns)
        else:
            self._bay.pump.power_on(now_ns)
        self._bay.links[PUMP].wake()

    def _press_key(self, fault: Fault, _begins: bool) -> None:
        pump, now_ns = self._bay.pump, self._bay.clock.now_ns()
        flowed = self._bay.flow_nl_h() > 0
        match fault:
            case KeySetting():
                self._set_anew(fault)
                flowed = False
            case KeyRate():
                if pump.key_rate(fault.rate_ul_h, now_ns):
                    self.keypad_rates_ns.append(now_ns)
            case KeyPressed(key=Key.PAUSE):
                pump.key_pause(now_ns)
            case KeyPressed(key=Key.RESUME):
                pump.key_resume(now_ns)
            case KeyPressed(key=Key.START):
                pump.key_start(now_ns)
            case KeyPressed(key=Key.STOP):
                pump.key_stop(now_ns)
            case _:
                raise ValueError(f"{fault.name} does not belong to this hook")
        if not flowed and self._bay.flow_nl_h() > 0:
            self.keypad_starts_ns.append(now_ns)
        self._bay.links[PUMP].wake()

    def _set_anew(self, fault: KeySetting) -> None:
        pump, now_ns = self._bay.pump, self._bay.clock.now_ns()
        pumped = pump.state.moving
        phase, more = pump.settings.phase(pump.phase_number), 1_000 + fault.more_permille
        match fault.setting:
            case Setting.DIAMETER:
                command = f"DIA{format_thousandths(pump.settings.diameter_um * more // 1_000)}"
            case Setting.VOLUME:
                command = f"VOL{format_thousandths(phase.volume_thousandths * more // 1_000)}"
            case _:
                assert_never(fault.setting)
        pump.key_stop(now_ns)
        pump.key_setting(command, now_ns)
        if pumped:
            pump.key_start(now_ns)

    # ---- monitors and clock -----------------------------------------------------------------------------------------

    def _spoil_oximeter(self, fault: Fault, _begins: bool) -> None:
        bay, now_ns = self._bay, self._bay.clock.now_ns()
        match fault:
            case ProbeOff():
                bay.oximeter.move_probe(Probe.OFF_FINGER if self._forced(ProbeOff) else Probe.ON, now_ns)
            case SensorFrozen():
                if self._forced(SensorFrozen):
                    bay.oximeter.begin_fault(OximeterFault.FROZEN, now_ns)
                else:
                    bay.oximeter.end_fault(OximeterFault.FROZEN, now_ns)
            case SensorLying():
                lies = tuple(self._forced(SensorLying))
                bay.finger = (lambda at_ns: _lied(bay.patient.vitals(at_ns), lies)) if lies else bay.patient.vitals
            case _:
                raise ValueError(f"{fault.name} does not belong to this hook")
        bay.links[OXIMETER].wake()

    def _spoil_cuff(self, _fault: Fault, _begins: bool) -> None:
        cuff, now_ns = self._bay.cuff, self._bay.clock.now_ns()
        failures = [each.failure for each in self._forced(CuffFails)]
        codes = [_FAILURES[failure] for failure in failures if failure in _FAILURES]
        cuff.fail_always(codes[-1] if codes else None, now_ns)
        for failure, wrong in ((CuffFailure.SILENCE, CuffFault.SILENCE), (CuffFailure.STUCK, CuffFault.STUCK_CUFF)):
            if failure in failures:
                cuff.begin_fault(wrong, now_ns)
            else:
                cuff.end_fault(wrong, now_ns)
        self._bay.links[CUFF].wake()

    def _set_wall_clock(self, fault: Fault, _begins: bool) -> None:
        if isinstance(fault, ClockJump):
            self._bay.clock.wall_offset_ns += fault.jump_ms * NS_PER_MS

    # ---- broker and commands ----------------------------------------------------------------------------------------

    def _stop_broker(self, _fault: Fault, _begins: bool) -> None:
        broker = self._bay.broker
        if self._forced(BrokerGone):
            if broker.is_up:
                broker.go_down()
        else:
            broker.come_up()

    def _spoil_commands(self, _fault: Fault, _begins: bool) -> None:
        late, doubled = self._forced(CommandsLate), self._forced(CommandsDoubled)
        broker = self._bay.broker
        if not late and not doubled:
            broker.faults = SOUND_BUS
            return
        broker.spoils = lambda topic: f"/{Channel.REQUEST.value}/" in topic
        faults = BusFaults(
            delay=1.0 if late else 0.0,
            duplication=max((each.chance_permille for each in doubled), default=0) / 1_000,
        )
        if late:
            faults = replace(faults, longest_delay_ns=max(each.delay_ms for each in late) * NS_PER_MS)
        broker.faults = faults

    def _plant_command(self, fault: Fault, begins: bool) -> None:
        bay = self._bay
        match fault:
            case CommandForged():
                if begins:
                    self._forge(fault)
            case CommandRetained():
                planted = self._last(fault.forgery) or self._forged(fault.forgery, age_ms=0)
                # whoever connects gets it, and the daemon connects anew
                bay.broker.drop(f"pump-{bay.config.bed}")
                if planted is not None:
                    bay.broker.publish(str(planted[0]), planted[1], retain=True)
            case _:
                raise ValueError(f"{fault.name} does not belong to this hook")

    def _forge(self, fault: CommandForged) -> None:
        """Send one forged command, and the next a little later, until the fault is over."""
        if not any(each is fault for each in self._in_force):
            return
        planted = self._forged(fault.forgery, age_ms=fault.age_ms)
        if planted is not None:
            self._bay.broker.publish(str(planted[0]), planted[1])
        self._bay.clock.call_at(self._bay.clock.now_ns() + FORGED_EVERY_NS, partial(self._forge, fault))

    def _last(self, forgery: Forgery) -> tuple[Topic, bytes] | None:
        for entry in reversed(self._bay.tape.entries):
            topic = parse(entry.source.removeprefix("daemon<"))
            if topic is not None and topic.channel is Channel.REQUEST and _kind(entry.data) == forgery.value:
                return topic, entry.data
        return None

    def _forged(self, forgery: Forgery, *, age_ms: int) -> tuple[Topic, bytes] | None:
        """Return a command made up from what the bus carried so long ago; None before there was anything."""
        topics = BedTopics(bed=self._bay.config.bed)
        heartbeat = self._read(topics.heartbeat, age_ms)
        state = self._read(topics.state, age_ms)
        if heartbeat is None or state is None:
            return None
        order = state["order"]
        order_hash = str(order["hash"]) if isinstance(order, dict) else "0" * 16
        command = _command(forgery, order_hash)
        session, rev, token = heartbeat["session"], heartbeat["rev"], heartbeat["token"]
        request = to_request(
            command,
            command_id=f"forged-{len(self._bay.tape.entries)}",
            session=None if session is None else str(session),
            rev=int(str(rev)),
            token=str(token),
            issued_at=self._bay.clock.wall_utc(),
        )
        topic = Topic(bed=self._bay.config.bed, channel=Channel.REQUEST, name=FORGER)
        return topic, request.to_bytes()

    def _read(self, topic: str, age_ms: int) -> dict[str, object] | None:
        before_ns = self._bay.clock.now_ns() - age_ms * NS_PER_MS
        for entry in reversed(self._bay.tape.entries):
            if entry.at_ns <= before_ns and entry.source == f"daemon>{topic}":
                found: dict[str, object] = json.loads(entry.data)
                return found
        return None

    # ---- journal and daemon -----------------------------------------------------------------------------------------

    def _spoil_disk(self, _fault: Fault, _begins: bool) -> None:
        store = self._bay.store
        store.is_stalled = bool(self._forced(DiskStalled))
        if self._forced(DiskFull):
            store.failure = "database or disk is full"
        elif self._forced(FsyncFails):
            store.failure = "disk I/O error"
        else:
            store.failure = None

    def _kill_daemon(self, fault: Fault, begins: bool) -> None:
        if begins:
            self._bay.kill_daemon(after_acts=fault.acts if isinstance(fault, DaemonKilled) else 0)
        elif not self._forced(DaemonKilled) and not self._forced(JournalTorn):
            self._bay.kill_daemon()
            self._bay.start_daemon()
            self._stall_host(fault, begins)

    def _stall_host(self, _fault: Fault, _begins: bool) -> None:
        if self._forced(HostStalled):
            self._bay.stall_daemon()
        else:
            self._bay.resume_daemon()

    # ---- patient ----------------------------------------------------------------------------------------------------

    def _change_patient(self, fault: Fault, begins: bool) -> None:
        if begins:
            patient = self._bay.patient
            overlay = _overlay(fault, self._bay.clock.now_ns())
            patient.parameters = replace(patient.parameters, overlays=(*patient.parameters.overlays, overlay))


def _with(faults: LineFaults, fault: Fault) -> LineFaults:
    """Return the faults of a line with one more, the worse of each."""
    match fault:
        case BytesLost():
            return replace(faults, loss=max(faults.loss, fault.chance_permille / 1_000))
        case BytesCorrupted():
            return replace(faults, corruption=max(faults.corruption, fault.chance_permille / 1_000))
        case BytesDuplicated():
            return replace(faults, duplication=max(faults.duplication, fault.chance_permille / 1_000))
        case BytesSplit():
            split = max(faults.split, fault.chance_permille / 1_000)
            return replace(faults, split=split, longest_delay_ns=_longest(faults, fault.gap_ms))
        case BytesDelayed():
            delay = max(faults.delay, fault.chance_permille / 1_000)
            return replace(faults, delay=delay, longest_delay_ns=_longest(faults, fault.delay_ms))
        case _:
            return faults


def _longest(faults: LineFaults, delay_ms: int) -> int:
    known_ns = faults.longest_delay_ns if faults.delay or faults.split else 0
    return max(known_ns, delay_ms * NS_PER_MS)


def _lied(truth: TrueVitals, lies: Sequence[SensorLying]) -> TrueVitals:
    for lie in lies:
        match lie.shown:
            case Shown.SPO2:
                shown = min(100.0, max(0.0, truth.spo2_percent + lie.offset_units))
                truth = replace(truth, spo2_percent=shown)
            case Shown.HR:
                truth = replace(truth, hr_bpm=max(0.0, truth.hr_bpm + lie.offset_units))
            case _:
                assert_never(lie.shown)
    return truth


def _command(forgery: Forgery, order_hash: str) -> Command:
    match forgery:
        case Forgery.START:
            return Start(order_hash=order_hash)
        case Forgery.RESUME:
            return Resume(order_hash=order_hash)
        case Forgery.PAUSE:
            return Pause(reason="")
        case Forgery.STOP:
            return Stop(reason="")
        case _:
            assert_never(forgery)


def _kind(data: bytes) -> str | None:
    try:
        kind = json.loads(data)["kind"]
    except (ValueError, KeyError, TypeError):
        return None
    return kind if isinstance(kind, str) else None


def _overlay(fault: Fault, from_ns: int) -> overlays.Overlay:
    duration_ns = fault.duration_ms * NS_PER_MS
    to_ns, ramp_ns = from_ns + duration_ns, min(RAMP_NS, duration_ns // 2)
    match fault:
        case Desaturation():
            return overlays.SaturationDip(
                from_ns=from_ns, to_ns=to_ns, ramp_ns=ramp_ns, depth_percent=float(fault.depth_percent)
            )
        case Apnoea():
            return overlays.Apnoea(from_ns=from_ns, to_ns=to_ns)
        case PressureSurge():
            return overlays.PressureSurge(
                from_ns=from_ns,
                to_ns=to_ns,
                ramp_ns=ramp_ns,
                sbp_mmhg=float(fault.sbp_mmhg),
                dbp_mmhg=float(fault.dbp_mmhg),
            )
        case HeartRateChange():
            return overlays.HeartRateRamp(
                from_ns=from_ns, to_ns=to_ns, target_bpm=float(fault.target_bpm), time_constant_ns=RAMP_NS
            )
        case _:
            raise ValueError(f"{fault.name} does not belong to this hook")
