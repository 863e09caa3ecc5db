"""The clearance on the wire and in the core: one form into the other, exactly, so that one hash holds for both."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from pumpd.core.clearance import Clearance, ClearedGate, digest
from pumpd.core.events import ClearanceSeen
from pumpd.core.quantities import G_PER_KG, NG_PER_MG, NS_PER_S, QuantityError, scaled_exactly
from pumpd.mqtt import payloads, topics
from pumpd.mqtt.wire import WireError

MAX_BYTES = 32 * 1024
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def receive(bed: str, topic: str, payload: bytes) -> ClearanceSeen | None:
    """Return what a message on the clearance topic of `bed` says; None for any other topic. Never raises."""
    found = topics.parse(topic)
    if found is None or found.channel is not topics.Channel.CLEARANCE or found.bed != bed:
        return None
    if not payload:
        return ClearanceSeen(clearance=None)
    if len(payload) > MAX_BYTES:
        return ClearanceSeen(clearance=None, trouble=f"a clearance of {len(payload)} bytes; the limit is {MAX_BYTES}")
    try:
        clearance = to_core(payloads.Clearance.from_bytes(payload))
    except (WireError, QuantityError, ValueError, OverflowError) as error:
        return ClearanceSeen(clearance=None, trouble=f"the clearance cannot be read: {error}")
    if clearance.hash != digest(clearance):
        return ClearanceSeen(clearance=None, trouble="the clearance was changed: its hash is not that of its content")
    return ClearanceSeen(clearance=clearance)


def to_core(message: payloads.Clearance) -> Clearance:
    """Return a clearance as the core judges it; raises `QuantityError` or `ValueError` for what cannot be one."""
    return Clearance(
        bed=message.bed,
        course=message.course,
        number=message.number,
        weight_g=scaled_exactly("weight", message.weight_kg, G_PER_KG, "kg"),
        last_weight_g=None
        if message.last_weight_kg is None
        else scaled_exactly("last weight", message.last_weight_kg, G_PER_KG, "kg"),
        given_low_ng=scaled_exactly("given", message.given_low_mg, NG_PER_MG, "mg"),
        given_high_ng=scaled_exactly("given", message.given_high_mg, NG_PER_MG, "mg"),
        last_infusion_wall_ns=None if message.last_infusion is None else wall_ns(message.last_infusion),
        gates=tuple(
            ClearedGate(
                gate=gate.gate,
                by=gate.by,
                until_wall_ns=None if gate.until is None else wall_ns(gate.until),
                override=gate.override,
            )
            for gate in message.gates
        ),
        issued_by=message.issued_by,
        issued_wall_ns=wall_ns(message.issued),
        expires_wall_ns=wall_ns(message.expires),
        hash=message.hash,
    )


def from_core(clearance: Clearance) -> payloads.Clearance:
    """Return a clearance as it goes on the wire."""
    return payloads.Clearance(
        hash=clearance.hash,
        bed=clearance.bed,
        course=clearance.course,
        number=clearance.number,
        weight_kg=Decimal(clearance.weight_g) / G_PER_KG,
        last_weight_kg=None if clearance.last_weight_g is None else Decimal(clearance.last_weight_g) / G_PER_KG,
        given_low_mg=Decimal(clearance.given_low_ng) / NG_PER_MG,
        given_high_mg=Decimal(clearance.given_high_ng) / NG_PER_MG,
        last_infusion=None if clearance.last_infusion_wall_ns is None else utc(clearance.last_infusion_wall_ns),
        gates=tuple(
            payloads.ClearedGate(
                gate=gate.gate,
                by=gate.by,
                until=None if gate.until_wall_ns is None else utc(gate.until_wall_ns),
                override=gate.override,
            )
            for gate in clearance.gates
        ),
        issued_by=clearance.issued_by,
        issued=utc(clearance.issued_wall_ns),
        expires=utc(clearance.expires_wall_ns),
    )


def wall_ns(text: str) -> int:
    """Return a time, RFC 3339 in UTC and in whole seconds, as nanoseconds since 1970; raises `ValueError`."""
    since = datetime.fromisoformat(text) - _EPOCH
    if since.microseconds:
        raise ValueError(f"{text} is no whole second")
    return (since.days * 86_400 + since.seconds) * NS_PER_S


def utc(at_ns: int) -> str:
    """Return a wall time as it goes on the wire."""
    return (_EPOCH + timedelta(seconds=at_ns // NS_PER_S)).isoformat()
