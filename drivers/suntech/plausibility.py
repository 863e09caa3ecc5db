"""Whether the numbers of one cuff cycle can be true, each alone and all together."""

from drivers.suntech.frame import BpData
from pumpd.core.ports import LEAST_PULSE_PRESSURE_MMHG, POSSIBLE, VitalKind

_SHORT = {VitalKind.SBP: "SYS", VitalKind.DBP: "DIA", VitalKind.MAP: "MAP", VitalKind.HR: "pulse"}


def impossible_values(data: BpData) -> tuple[tuple[VitalKind, int], ...]:
    """Return the numbers beyond the possible range: either the module is broken or the patient very ill."""
    values = (
        (VitalKind.SBP, data.sbp_mmhg),
        (VitalKind.DBP, data.dbp_mmhg),
        (VitalKind.MAP, data.map_mmhg),
        (VitalKind.HR, data.pulse_bpm),
    )
    return tuple((kind, value) for kind, value in values if value not in POSSIBLE[kind])


def described(values: tuple[tuple[VitalKind, int], ...]) -> str:
    """Return impossible values for people, each with its unit and its possible range."""
    return ", ".join(
        f"{_SHORT[kind]} {value} {kind.unit} (possible {POSSIBLE[kind].start} to {POSSIBLE[kind].stop - 1})"
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
