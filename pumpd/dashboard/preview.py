"""What an order will be, while it is typed. For the eye alone: the daemon computes it anew and judges it."""

from collections.abc import Mapping

from pumpd.core.quantities import (
    G_PER_KG,
    NS_PER_MIN,
    Concentration,
    QuantityError,
    decimal_from,
    in_mg,
    in_ml,
    rate_nl_h,
    scaled_exactly,
    text,
)
from pumpd.dashboard.requests import PressError, decimal_field

NEEDED = ("weight_kg", "dose_mg_per_kg", "duration_min", "vial_strength_mg_ml", "drug_drawn_ml", "diluent_ml")


def preview(fields: Mapping[str, object]) -> str:
    """Return dose, concentration, volume and rate of what is typed so far, or what is missing or wrong with it."""
    missing = [name for name in NEEDED if not str(fields.get(name, "")).strip()]
    if missing:
        return f"still needed: {', '.join(name.replace('_', ' ') for name in missing)}"
    try:
        given = {name: decimal_field(name, fields[name]) for name in NEEDED}
        weight_g = scaled_exactly("weight", decimal_from("weight", given["weight_kg"], "kg"), G_PER_KG, "kg")
        per_kg = decimal_from("dose", given["dose_mg_per_kg"], "mg/kg")
        dose_ng = weight_g * scaled_exactly("dose", per_kg, 1_000, "mg/kg")
        duration = decimal_from("duration", given["duration_min"], "min")
        duration_ns = scaled_exactly("duration", duration, NS_PER_MIN, "min")
        concentration = Concentration.from_dilution(
            strength_mg_ml=decimal_from("vial strength", given["vial_strength_mg_ml"], "mg/mL"),
            drawn_ml=decimal_from("drug drawn", given["drug_drawn_ml"], "mL"),
            diluent_ml=decimal_from("diluent", given["diluent_ml"], "mL"),
        )
    except (PressError, QuantityError) as error:
        return str(error)
    volume_nl = concentration.volume_nl(dose_ng)
    strength = text(int(concentration.ng_per_nl * 1_000), 1_000, 3)
    return (
        f"{in_mg(dose_ng)} mg at {strength} mg/mL = {in_ml(volume_nl)} mL, "
        f"at {in_ml(rate_nl_h(volume_nl, duration_ns))} mL/h"
    )
