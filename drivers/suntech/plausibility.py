"""Whether the numbers of one cuff cycle can be true, each alone and all together. Possible ranges are our proposal."""

from drivers.suntech.frame import BpData
from pumpd.core.ports import VitalKind

LEAST_PULSE_PRESSURE_MMHG = 10
_POSSIBLE = {
    VitalKind.SBP: range(40, 281),
    VitalKind.DBP: range(20, 221),
    VitalKind.MAP: range(30, 251),
    VitalKind.HR: range(20, 301),
}
_SHORT = {VitalKind.SBP: "SYS", VitalKind.DBP: "DIA", VitalKind.MAP: "MAP", VitalKind.HR: "pulse"}


def impossible_values(data: BpData) -> tuple[tuple[VitalKind, int], ...]:
    """Return the numbers beyond the possible range: either the module is broken or the patient very ill."""
    values = (
        (VitalKind.SBP, data.sbp_mmhg),
        (VitalKind.DBP, data.dbp_mmhg),
        (VitalKind.MAP, data.map_mmhg),
        (VitalKind.HR, data.pulse_bpm),
    )
    return tuple((kind, value) for kind, value in values if value not in _POSSIBLE[kind])


def described(values: tuple[tuple[VitalKind, int], ...]) -> str:
    """Return impossible values for people, each with its unit and its possible range."""
    return ", ".join(
        f"{_SHORT[kind]} {value} {kind.unit} (possible {_POSSIBLE[kind].start} to {_POSSIBLE[kind].stop - 1})"
        for kind, value in values
    )


def contradiction(data: BpData) -> str | None:
    """Return why the set cannot be one blood pressure, or None."""
    pressures = f"SYS {data.sbp_mmhg}, MAP {data.map_mmhg}, DIA {data.dbp_mmhg} mmHg"
    if not data.dbp_mmhg < data.map_mmhg < data.sbp_mmhg:
        return f"the pressures contradict each other: {pressures}"
    if data.sbp_mmhg - data.dbp_mmhg < LEAST_PULSE_PRESSURE_MMHG:
        return f"SYS and DIA are less than {LEAST_PULSE_PRESSURE_MMHG} mmHg apart: {pressures}"
    return None
