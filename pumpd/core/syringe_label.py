"""The label of the syringe: what it says, whether it can be true, and until when its solution is started (CLIN-11).

A person reads how long ago the drug was mixed, so that no clock of a pharmacy or a ward need agree with the daemon's.
"""

from dataclasses import dataclass
from decimal import Decimal

from pumpd.core.commands import Appearance, Prepare
from pumpd.core.quantities import NL_PER_ML, NS_PER_MIN, decimal_from, scaled_exactly

LONGEST_MIN = 24 * 60
"""Further away than a day is neither a time of mixing nor an expiry of a syringe for today."""


class LabelRefusedError(ValueError):
    """The label cannot be that of a syringe; the message says what was read and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyringeLabel:
    """What the label says; drug, concentration and syringe are those of the order. Ages are those at its entry."""

    vial_strength_mg_ml: Decimal
    drug_drawn_ml: Decimal
    diluent_ml: Decimal
    made_by: str
    witnessed_by: str
    mixed_min_ago: int
    expires_in_min: int | None
    appearance: Appearance

    @property
    def mixed_nl(self) -> int:
        """Return how much solution was made."""
        return scaled_exactly("mixed volume", self.drug_drawn_ml + self.diluent_ml, NL_PER_ML, "mL")

    def age_ns(self, since_entry_ns: int) -> int:
        """Return how long ago the drug was mixed."""
        return self.mixed_min_ago * NS_PER_MIN + since_entry_ns

    def left_ns(self, since_entry_ns: int, mixed_max_ns: int) -> int:
        """Return for how long it may still be started; less than 0 is too late."""
        if self.expires_in_min is not None:
            return self.expires_in_min * NS_PER_MIN - since_entry_ns
        return mixed_max_ns - self.age_ns(since_entry_ns)

    def blocker(self, since_entry_ns: int, mixed_max_ns: int) -> str | None:
        """Return why its solution is not started now, or None."""
        if self.appearance is not Appearance.CLEAR:
            return f"the solution was attested as {self.appearance.value}; discard it and prepare a new syringe"
        late_min = -self.left_ns(since_entry_ns, mixed_max_ns) // NS_PER_MIN
        if self.left_ns(since_entry_ns, mixed_max_ns) > 0:
            return None
        if self.expires_in_min is not None:
            return f"the syringe expired {late_min} min ago; discard it and prepare a new syringe"
        return (
            f"the drug was mixed {self.age_ns(since_entry_ns) // NS_PER_MIN} min ago and no expiry is on the label; "
            f"limit {mixed_max_ns // NS_PER_MIN} min: discard it and prepare a new syringe"
        )


def label_of(entry: Prepare) -> SyringeLabel:
    """Return the label that was entered with an order, or raise `LabelRefusedError` or `QuantityError`."""
    made_by, witnessed_by = (" ".join(name.split()) for name in (entry.made_by, entry.witnessed_by))
    if not made_by or not witnessed_by:
        raise LabelRefusedError(
            "the label names no maker or no witness of the mixing; a syringe without both is not used"
        )
    if made_by.casefold() == witnessed_by.casefold():
        raise LabelRefusedError(f"{made_by} cannot witness what {made_by} mixed; a second person must have seen it")
    for name, minutes in (("mixed_min_ago", entry.mixed_min_ago), ("expires_in_min", entry.expires_in_min)):
        if minutes is not None and not 0 <= minutes <= LONGEST_MIN:
            raise LabelRefusedError(f"{name} {minutes} min is outside 0 to {LONGEST_MIN} min; read the label again")
    label = SyringeLabel(
        vial_strength_mg_ml=decimal_from("vial strength", entry.vial_strength_mg_ml, "mg/mL"),
        drug_drawn_ml=decimal_from("drug drawn", entry.drug_drawn_ml, "mL"),
        diluent_ml=decimal_from("diluent", entry.diluent_ml, "mL"),
        made_by=made_by,
        witnessed_by=witnessed_by,
        mixed_min_ago=entry.mixed_min_ago,
        expires_in_min=entry.expires_in_min,
        appearance=entry.appearance,
    )
    scaled_exactly("mixed volume", label.drug_drawn_ml + label.diluent_ml, NL_PER_ML, "mL")
    return label
