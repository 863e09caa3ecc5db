"""From bytes under a source's topic to samples, cuff readings and presses of the comfort button. Judges form and time.

The contract is ours: one JSON object per message, with the time of the measurement, a code of ISO/IEEE 11073-10101 and
a UCUM unit (docs/sources.md). What is not wholly right is refused and people are told; it never becomes a number. A
press of the comfort button is understood whatever else is wrong with its message.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from pumpd.core.events import BusEvent, ComfortPressed, ComfortSeen, CuffInflating, SourceOnline, SourceRefused, Trouble
from pumpd.core.ports import (
    LEAST_PULSE_PRESSURE_MMHG,
    POSSIBLE,
    MonitorNotice,
    NibpFailed,
    NibpReading,
    Sample,
    SamplesReceived,
    Validity,
    VitalKind,
)
from pumpd.core.quantities import NS_PER_S, NS_PER_US
from pumpd.core.vitals import FUTURE_TOLERANCE_NS
from pumpd.mqtt import topics
from pumpd.mqtt.intake import Allowance, Flooded
from pumpd.mqtt.payloads import Name, first_complaint
from pumpd.mqtt.wire import WireError, read

MAX_INPUT_BYTES = 4 * 1024
COMFORT = "comfort"
NIBP = "nibp"
MMHG_PER_KPA = Decimal("7.50062")
"""NIST SP 811, appendix B.8: 1 mmHg is 133.3224 Pa."""

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Code:
    """One measurement as its standard names it, and the kind of topic it belongs on."""

    topic_kind: str
    vital: VitalKind
    names: frozenset[str]


def _code(topic_kind: str, vital: VitalKind, *names: str) -> _Code:
    return _Code(topic_kind=topic_kind, vital=vital, names=frozenset(f"MDC_{name}" for name in names))


# ISO/IEEE 11073-10101, partition 2 (codes plus 131072); arterial and generic pressures are left out on purpose
_CODES: Mapping[str, _Code] = {
    "147842": _code("hr", VitalKind.HR, "ECG_HEART_RATE", "ECG_CARD_BEAT_RATE"),
    "149530": _code("pr", VitalKind.HR, "PULS_OXIM_PULS_RATE"),
    "149514": _code("pr", VitalKind.HR, "PULS_RATE"),
    "150456": _code("spo2", VitalKind.SPO2, "PULS_OXIM_SAT_O2"),
    "151562": _code("rr", VitalKind.RR, "RESP_RATE"),
    "151570": _code("rr", VitalKind.RR, "AWAY_RESP_RATE"),
    "151578": _code("rr", VitalKind.RR, "TTHOR_RESP_RATE"),
    "151594": _code("rr", VitalKind.RR, "CO2_RESP_RATE"),
    "150301": _code(NIBP, VitalKind.SBP, "PRESS_CUFF_SYS"),
    "150302": _code(NIBP, VitalKind.DBP, "PRESS_CUFF_DIA"),
    "150303": _code(NIBP, VitalKind.MAP, "PRESS_CUFF_MEAN"),
    "150021": _code(NIBP, VitalKind.SBP, "PRESS_BLD_NONINV_SYS"),
    "150022": _code(NIBP, VitalKind.DBP, "PRESS_BLD_NONINV_DIA"),
    "150023": _code(NIBP, VitalKind.MAP, "PRESS_BLD_NONINV_MEAN"),
}
_UNITS: Mapping[VitalKind, frozenset[str]] = {
    VitalKind.HR: frozenset({"/min", "{beat}/min"}),
    VitalKind.RR: frozenset({"/min", "{breath}/min"}),
    VitalKind.SPO2: frozenset({"%"}),
    VitalKind.SBP: frozenset({"mm[Hg]", "kPa"}),
    VitalKind.DBP: frozenset({"mm[Hg]", "kPa"}),
    VitalKind.MAP: frozenset({"mm[Hg]", "kPa"}),
}
_MIDDLE: Mapping[VitalKind, int] = {VitalKind.HR: 80, VitalKind.RR: 16, VitalKind.SPO2: 101}
"""A fraction is rounded away from here, towards the limit it is nearer to."""


def _number(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise ValueError("must be a number, not text")
    return Decimal(value)


Number = Annotated[Decimal, BeforeValidator(_number)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class _Input(BaseModel):
    """What every message of a source has; fields that the contract does not name are ignored."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True, allow_inf_nan=False)

    v: Literal[1]
    source: Name
    boot: Word
    seq: Annotated[int, Field(ge=0)]


class _AtBed(_Input):
    bed: Name
    session: Word | None = None
    course: Word | None = None


class Observation(BaseModel):
    """One number with its code and unit; `name` is the standard's name for the code, where a source gives it."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True, allow_inf_nan=False)

    code: Word
    name: Word | None = None
    value: Number | None = None
    unit: Word


class Measured(_AtBed):
    """One measurement, or one cycle of a cuff."""

    measured_at: Word
    status: Literal["ok", "questionable", "invalid", "demo", "off", "inflating"]
    sensor: Literal["on", "off"] = "on"
    code: Word | None = None
    name: Word | None = None
    value: Number | None = None
    unit: Word | None = None
    values: Annotated[tuple[Observation, ...], Field(strict=False, max_length=6)] | None = None
    limb_shared: bool = False


class SourceStatus(_Input):
    """Whether a source is there; the offline form is its last will. Retained."""

    state: Literal["online", "offline"]


class Button(_AtBed):
    """The patient's comfort button, pressed or not."""

    pressed: bool


class _RefusedError(Exception):
    """The message is not used, and people must know why."""

    def __init__(self, trouble: Trouble, reason: str) -> None:
        super().__init__(reason)
        self.trouble = trouble


class _UnusedError(Exception):
    """The message is not used; the record says why, or nothing where it is a mere repeat."""


InputEvent = SamplesReceived | NibpReading | NibpFailed | MonitorNotice | BusEvent
_M = TypeVar("_M", bound=_Input)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When a message came, by the clocks of devices, of networks and of the wall, and whose session was open."""

    now_ns: int
    real_ns: int
    wall_utc: str
    session: str | None
    course: str | None


@dataclass(slots=True)
class VitalsIntake:
    """Turns what the sources of one bed publish into events. `sources` is the closed list: kinds by name."""

    bed: str
    sources: Mapping[str, tuple[str, ...]]
    clinical: bool
    _last: dict[str, tuple[str, int]] = field(default_factory=dict)
    _newest_ns: dict[tuple[str, str], int] = field(default_factory=dict)
    _allowances: dict[str, Allowance] = field(default_factory=dict)

    def receive(self, topic: str, payload: bytes, *, retained: bool, at: Moment) -> InputEvent | Flooded | None:
        """Return the event in a message; None where it is none of this bed's, or a repeat. Never raises."""
        found = topics.parse(topic)
        if found is None or found.channel is not topics.Channel.INPUT or found.bed != self.bed:
            return None
        source, kind = found.name or "", found.detail or ""
        kinds = self.sources.get(source)
        if kinds is None or kind not in (*kinds, topics.INPUT_STATUS):
            return None
        name = f"{source}/{kind}"
        if kind == COMFORT and _is_press(payload):
            return ComfortPressed(source=name)
        allowance = self._allowances.setdefault(source, Allowance(since_ns=at.real_ns))
        if not allowance.take(at.real_ns):
            return Flooded(user=source, dropped=allowance.dropped)
        try:
            if kind == topics.INPUT_STATUS:
                return self._presence(source, payload)
            if retained:
                raise _UnusedError("kept by the broker: never a measurement")
            if kind == COMFORT:
                self._identified(Button, source, payload, at)
                return ComfortSeen(source=name)
            return self._measured(source, kind, payload, at)
        except _RefusedError as refusal:
            return SourceRefused(source=source, trouble=refusal.trouble, reason=str(refusal))
        except _UnusedError as unused:
            return MonitorNotice(source=name, text=f"not used: {unused}") if str(unused) else None

    # ---- who and in which order -------------------------------------------------------------------------------------

    def _presence(self, source: str, payload: bytes) -> SourceOnline | SourceRefused:
        message = _understood(SourceStatus, payload)
        _same("source", message.source, source)
        if message.state == "online":
            return SourceOnline(source=source)
        return SourceRefused(source=source, trouble=Trouble.OFFLINE, reason="it says that it has gone")

    def _identified(self, kind: type["_B"], source: str, payload: bytes, at: Moment) -> "_B":
        """Return a message of this source, at this bed, of this session and course, newer than the one before."""
        message = _understood(kind, payload)
        _same("source", message.source, source)
        _same("bed", message.bed, self.bed)
        if message.session is not None:
            _same("session", message.session, at.session)
        if message.course is not None:
            _same("course", message.course, at.course)
        boot, last = self._last.get(source, ("", -1))
        if message.boot == boot and message.seq == last:
            raise _UnusedError
        if message.boot == boot and message.seq < last:
            raise _UnusedError(f"number {message.seq} after {last}")
        self._last[source] = (message.boot, message.seq)
        return message

    # ---- measurements -----------------------------------------------------------------------------------------------

    def _measured(self, source: str, kind: str, payload: bytes, at: Moment) -> InputEvent:
        message = self._identified(Measured, source, payload, at)
        name = f"{source}/{kind}"
        if message.status == "demo" and self.clinical:
            raise _RefusedError(Trouble.DEMO, "it shows a demonstration, not the patient")
        wall_ns = _wall_ns(message.measured_at)
        age_ns = _wall_ns(at.wall_utc) - wall_ns
        if age_ns < -FUTURE_TOLERANCE_NS:
            raise _RefusedError(
                Trouble.CLOCK,
                f"measured {-age_ns / NS_PER_S:.1f} s in the future, limit {FUTURE_TOLERANCE_NS // NS_PER_S}"
                " s: set its clock, or that of this host",
            )
        newest_ns = self._newest_ns.get((source, kind))
        if newest_ns is not None and wall_ns <= newest_ns:
            raise _UnusedError(f"measured at {message.measured_at}, not after the one before")
        measured_ns = at.now_ns - max(age_ns, 0)
        event = (
            self._cuff(name, message, measured_ns) if kind == NIBP else self._stream(name, kind, message, measured_ns)
        )
        # a message that only tells of inflation is no measurement
        if not isinstance(event, CuffInflating):
            self._newest_ns[source, kind] = wall_ns
        return event

    def _stream(self, name: str, kind: str, message: Measured, measured_ns: int) -> SamplesReceived:
        if message.values is not None or message.code is None or message.unit is None:
            raise _RefusedError(Trouble.FORM, f"{kind} needs code, value and unit, and no values")
        if message.status == "inflating":
            raise _RefusedError(Trouble.FORM, f"only a cuff inflates, not {kind}")
        one = Observation(code=message.code, name=message.name, value=message.value, unit=message.unit)
        vital = _vital(kind, one)
        validity = _validity(message)
        value = None
        if validity is Validity.VALID and one.value is not None:
            value, validity = _judged(vital, one.value)
        elif validity is Validity.VALID:
            validity = Validity.MISSING
        return SamplesReceived(
            samples=(
                Sample(
                    kind=vital,
                    value=value,
                    validity=validity,
                    measured_at_ns=measured_ns,
                    source=name,
                    seq=message.seq,
                ),
            )
        )

    def _cuff(
        self, name: str, message: Measured, measured_ns: int
    ) -> NibpReading | NibpFailed | SamplesReceived | CuffInflating:
        if message.status == "inflating":
            return CuffInflating(source=name, limb_shared=message.limb_shared, on=True)
        if _validity(message) is not Validity.VALID:
            return _no_reading(name, message, f"the cuff says {message.status}, sensor {message.sensor}")
        if message.values is None or message.code is not None or message.value is not None:
            raise _RefusedError(Trouble.FORM, "nibp needs values, and no code or value beside them")
        found: dict[VitalKind, int] = {}
        for one in message.values:
            vital = _vital(NIBP, one)
            if vital in found:
                raise _RefusedError(Trouble.FORM, f"{vital.name} is given twice")
            if one.value is None:
                return _no_reading(name, message, f"no value for {vital.name}")
            found[vital] = _mmhg(one.value, one.unit)
        missing = [vital.name for vital in (VitalKind.SBP, VitalKind.DBP, VitalKind.MAP) if vital not in found]
        if missing:
            raise _RefusedError(Trouble.FORM, f"nibp without {', '.join(missing)}: all three are needed to check each")
        impossible = [vital for vital, value in found.items() if value not in POSSIBLE[vital]]
        if impossible:
            return SamplesReceived(
                samples=tuple(
                    Sample(
                        kind=vital,
                        value=found[vital],
                        validity=Validity.IMPOSSIBLE,
                        measured_at_ns=measured_ns,
                        source=name,
                        seq=message.seq,
                    )
                    for vital in impossible
                )
            )
        sbp, dbp, mean = (found[vital] for vital in (VitalKind.SBP, VitalKind.DBP, VitalKind.MAP))
        if not dbp < mean < sbp or sbp - dbp < LEAST_PULSE_PRESSURE_MMHG:
            return _no_reading(name, message, f"the pressures contradict each other: {sbp}, {mean}, {dbp} mmHg")
        return NibpReading(
            source=name,
            cycle=message.seq,
            sbp_mmhg=sbp,
            dbp_mmhg=dbp,
            map_mmhg=mean,
            pulse_bpm=None,
            measured_at_ns=measured_ns,
        )


_B = TypeVar("_B", bound=_AtBed)


def _no_reading(name: str, message: Measured, reason: str) -> NibpFailed:
    # nobody here can ask a cuff on the bus to try again
    return NibpFailed(source=name, cycle=message.seq, reason=reason, retry=False)


def _understood(kind: type[_M], payload: bytes) -> _M:
    if len(payload) > MAX_INPUT_BYTES:
        raise _RefusedError(Trouble.FORM, f"a message of {len(payload)} bytes; the limit is {MAX_INPUT_BYTES}")
    try:
        return kind.model_validate(read(payload))
    except WireError as error:
        raise _RefusedError(Trouble.FORM, str(error)) from None
    except ValidationError as error:
        raise _RefusedError(Trouble.FORM, first_complaint(error)) from None


def _is_press(payload: bytes) -> bool:
    """Say whether a button's message tells of a press, whatever else is wrong with it."""
    if len(payload) > MAX_INPUT_BYTES:
        return False
    try:
        return read(payload).get("pressed") is True
    except WireError:
        return _PRESS.search(payload) is not None


_PRESS = re.compile(rb'"pressed"\s*:\s*true')


def _same(what: str, found: str, wanted: str | None) -> None:
    if found != wanted:
        raise _RefusedError(Trouble.IDENTITY, f"it names {what} {found[:64]}, here is {wanted or 'none'}")


def _wall_ns(text: str) -> int:
    """Return a time with its zone as nanoseconds since 1970."""
    if _TIME.fullmatch(text) is None:
        raise _RefusedError(Trouble.FORM, f"{text[:40]!r} is no time with its zone, such as 2027-03-14T08:15:00.250Z")
    try:
        since = datetime.fromisoformat(text) - _EPOCH
    except (ValueError, OverflowError):
        raise _RefusedError(Trouble.FORM, f"{text[:40]!r} is no time that exists") from None
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * NS_PER_US


def _vital(kind: str, one: Observation) -> VitalKind:
    """Return what a code, its name, its unit and its topic agree on."""
    known = _CODES.get(one.code)
    if known is None:
        raise _RefusedError(Trouble.FORM, f"code {one.code} is none that pumpd uses; an arterial line is no cuff")
    if known.topic_kind != kind:
        raise _RefusedError(Trouble.FORM, f"code {one.code} belongs on {known.topic_kind}, not on {kind}")
    if one.name is not None and one.name not in known.names:
        raise _RefusedError(Trouble.FORM, f"code {one.code} is {' or '.join(sorted(known.names))}, not {one.name}")
    if one.unit not in _UNITS[known.vital]:
        raise _RefusedError(
            Trouble.FORM, f"unit {one.unit} of {known.vital.name}; it is {' or '.join(sorted(_UNITS[known.vital]))}"
        )
    return known.vital


def _validity(message: Measured) -> Validity:
    if message.sensor == "off" or message.status == "off":
        return Validity.PROBE_OFF
    match message.status:
        case "ok" | "demo":
            return Validity.VALID
        case "questionable":
            return Validity.ARTEFACT
        case _:
            return Validity.MISSING


def _judged(vital: VitalKind, value: Decimal) -> tuple[int | None, Validity]:
    """Return a number of a stream as the core may see it. Zero is no pulse signal; no respiration is one to fear."""
    whole = int(value.to_integral_value(ROUND_CEILING if value > _MIDDLE[vital] else ROUND_FLOOR))
    if vital is VitalKind.SPO2 and (value > POSSIBLE[vital].stop - 1 or whole <= 0):
        return None, Validity.MISSING
    if vital is VitalKind.HR and value == 0:
        return None, Validity.MISSING
    return whole, Validity.VALID if whole in POSSIBLE[vital] else Validity.IMPOSSIBLE


def _mmhg(value: Decimal, unit: str) -> int:
    exact = value * MMHG_PER_KPA if unit == "kPa" else value
    return int(exact.to_integral_value(ROUND_HALF_UP))
