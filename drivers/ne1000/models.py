"""What is known of each pump model: how fast its plunger moves, hence the rates it can give with a syringe."""

import re
from dataclasses import dataclass
from fractions import Fraction

NM_UM2_PER_NL = 10**9
"""One nL is 10^6 cubic micrometres, and lengths along the plunger are in nm."""
PI_BELOW = Fraction(3_141_592_653_589_793, 10**15)
PI_ABOVE = Fraction(3_141_592_653_589_794, 10**15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One pump model. `limit = plunger speed x pi (d/2)^2`."""

    name: str
    min_speed_nm_h: int
    max_speed_nm_h: int

    def min_rate_nl_h(self, diameter_um: int) -> int:
        """Return the smallest rate in nL/h for an inner diameter in micrometres, rounded up."""
        return -(-self.min_speed_nm_h * PI_ABOVE * diameter_um**2 // (4 * NM_UM2_PER_NL))

    def max_rate_nl_h(self, diameter_um: int) -> int:
        """Return the largest rate in nL/h for an inner diameter in micrometres, rounded down."""
        return self.max_speed_nm_h * PI_BELOW * diameter_um**2 // (4 * NM_UM2_PER_NL)


MODELS = {
    # 0.004205 cm/h to 5.1005 cm/min: New Era NE-1000 manual, section 12.5, as cited by a public driver
    "1000": Model(name="NE-1000", min_speed_nm_h=42_050, max_speed_nm_h=3_060_300_000),
}
"""Known models by the number that VER reports. A model with other speeds, or whose speeds were not read, is refused."""

_VERSION = re.compile(r"NE([0-9]+(?:X[0-9]*)?)V([0-9]+\.[0-9]+)")


def identify(version: str) -> tuple[Model, str] | None:
    """Return model and firmware from the answer to VER (`NE1000V3.923`), or None for a model that is not known."""
    match = _VERSION.fullmatch(version)
    if match is None or match[1] not in MODELS:
        return None
    return MODELS[match[1]], match[2]
