"""What people are told who command the simulated beds: where, who they are, what to do, and the numbers to type."""

from collections.abc import Iterator

from pumpd.mqtt.site import Site
from simulators.harness.scenario import PROBE_OFF_AFTER_S, SURGE_AFTER_S, Scenario
from simulators.harness.script import ASSESSMENT, CHECKED, ORDER, SEEN
from simulators.harness.site import BED, CONFIRMER, PREPARER

TROUBLE = {
    Scenario.HYPERTENSION: f"after {SURGE_AFTER_S / 60:g} minutes: the pressure surges to some 170/90 mmHg",
    Scenario.PROBE_OFF: f"after {PROBE_OFF_AFTER_S / 60:g} minutes: the probe falls off for a minute",
}
"""Counted from the beginning of the first infusion."""


def guide(site: Site, url: str, *, speed: float, scenario: Scenario) -> str:
    """Return the whole text."""
    return "\n".join(_lines(site, url, speed, scenario))


def _lines(site: Site, url: str, speed: float, scenario: Scenario) -> Iterator[str]:
    yield f"{' and '.join(site.beds)} are waiting:  {url}"
    yield ""
    yield "Throw-away accounts:"
    for user, role in site.operators.items():
        yield f"  {user:<8}{role.value:<12}{site.password(user)}"
    yield ""
    yield f"Open two windows, one of them private; log in as {PREPARER} in one, as {CONFIRMER} in the other. At a bed:"
    yield f"  1. {PREPARER} prepares:  {_order()}"
    yield (
        f"  2. {PREPARER} assesses:  MOAA/S {ASSESSMENT['moaas']}, respiration {ASSESSMENT['respiration_bpm']} /min;"
        f" attests {', '.join(item.value for item in SEEN)}; confirms presence"
    )
    yield (
        f"  3. {CONFIRMER} confirms:   weight {CHECKED['weight_kg']} kg and"
        f" label {CHECKED['concentration_mg_ml']} mg/mL, {CHECKED['drug']}, {CHECKED['syringe']}, entered again"
    )
    yield "  4. start watching, with sound"
    yield f"  5. {PREPARER} starts, once the bed shows nothing that blocks a start"
    yield ""
    yield "Courses of treatment are behind Courses, at the head of each page. The beds' profile asks for no clearance;"
    yield "who clears a course for a bed all the same holds the order there to its patient, weight and day."
    yield ""
    if speed > 1:
        yield f"The beds' time runs up to {speed:g} times as fast as yours: so much sooner is the next assessment due."
    if scenario in TROUBLE:
        yield f"Trouble in the first infusion at {BED}, {TROUBLE[scenario]}."
    yield "Ctrl-C here brings the pumps to rest and ends everything."


def _order() -> str:
    return (
        f"weight {ORDER['weight_kg']} kg, {ORDER['dose_mg_per_kg']} mg/kg in {ORDER['duration_min']} min;"
        f" vial {ORDER['vial_strength_mg_ml']} mg/mL, {ORDER['drug_drawn_ml']} mL drawn,"
        f" {ORDER['diluent_ml']} mL diluent, label {ORDER['declared_concentration_mg_ml']} mg/mL;"
        f" syringe {ORDER['syringe']}, filled with {ORDER['syringe_fill_ml']} mL; made by {ORDER['made_by']}, witnessed"
        f" by {ORDER['witnessed_by']}, mixed {ORDER['mixed_min_ago']} min ago, {ORDER['appearance']}"
    )
