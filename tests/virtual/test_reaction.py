"""From a sign that passes a limit to confirmed rest: the whole daemon, judged by what the sensors put out."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from pumpd.bedside.config import Config
from pumpd.core.quantities import NS_PER_S
from pumpd.core.rest import CONFIRM_WITHIN_NS
from simulators.devices.overlays import PressureSurge
from simulators.devices.vitals import TrueVitals
from simulators.harness.virtual.bay import CUFF, OXIMETER, PUMP, Bay
from simulators.harness.virtual.nurse import begin
from simulators.harness.virtual.pressures import pressures
from simulators.harness.virtual.readings import readings
from simulators.oracle.signs import Limit, Reading

WIRE_WITHIN_NS = NS_PER_S
REST_WITHIN_NS = 3 * NS_PER_S
PACKET_NS = NS_PER_S // 3
WATCHED_NS = 420 * NS_PER_S
"""The cuff measures every five minutes."""
KEPT = (f"{PUMP}>", f"{OXIMETER}<", f"{CUFF}<", "daemon>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Passing:
    """A limit of the profile, written out here once more, and what lets a sign pass it."""

    limit: Limit
    rest: str
    finger: Callable[[TrueVitals], TrueVitals] | None = None
    sbp_mmhg: float = 0


def limit(sign: str, *, low: int | None = None, high: int | None = None, for_s: int = 0) -> Limit:
    return Limit(sign=sign, low=low, high=high, for_ns=for_s * NS_PER_S, missing_ns=None)


def shows(**signs: float) -> Callable[[TrueVitals], TrueVitals]:
    return lambda truth: replace(truth, **signs)


PASSINGS = {
    "spo2 < 92": Passing(limit=limit("spo2", low=92, for_s=15), rest="paused", finger=shows(spo2_percent=90.5)),
    "spo2 < 90": Passing(limit=limit("spo2", low=90, for_s=10), rest="ended", finger=shows(spo2_percent=88.0)),
    "spo2 < 85": Passing(limit=limit("spo2", low=85), rest="ended", finger=shows(spo2_percent=80.0)),
    "hr > 120": Passing(limit=limit("hr", high=120, for_s=15), rest="paused", finger=shows(hr_bpm=130.0)),
    "hr > 140": Passing(limit=limit("hr", high=140, for_s=5), rest="ended", finger=shows(hr_bpm=155.0)),
    "hr < 40": Passing(limit=limit("hr", low=40, for_s=5), rest="ended", finger=shows(hr_bpm=35.0)),
    "sbp >= 180": Passing(limit=limit("sbp", high=179), rest="ended", sbp_mmhg=90),
    "sbp < 80": Passing(limit=limit("sbp", low=80), rest="ended", sbp_mmhg=-45),
}


@pytest.mark.req("VIT-08")
@pytest.mark.parametrize("passing", PASSINGS.values(), ids=PASSINGS)
def test_a_limit_that_is_passed_stops_in_time(config: Config, passing: Passing) -> None:
    with Bay(config, seed=11, kept=KEPT) as bay:

        async def scenario() -> int:
            anna, ben = bay.nurse("anna"), bay.nurse("ben")
            bay.start_daemon()
            assert await begin(anna, ben)
            await bay.clock.pass_s(60)
            assert bay.flow_nl_h() > 0
            changed_ns = bay.clock.now_ns()
            change(bay, passing, changed_ns)
            while bay.flow_nl_h() > 0:
                await bay.clock.pass_s(0.5)
                assert bay.clock.now_ns() < changed_ns + WATCHED_NS
            await bay.clock.pass_s(5)
            return changed_ns

        changed_ns = bay.run(scenario())
        crossed_ns = first_beyond(bay, passing.limit, changed_ns)
        due_ns = crossed_ns + passing.limit.for_ns
        stop_ns = min(at_ns for at_ns, data in sent(bay) if at_ns > changed_ns and b"STP" in data)
        assert due_ns <= stop_ns <= due_ns + WIRE_WITHIN_NS
        rest_ns, mode = first_rest(bay, changed_ns)
        assert stop_ns < rest_ns <= due_ns + REST_WITHIN_NS
        assert mode == passing.rest
        assert bay.pump.plunger.flow_nl_h(rest_ns) == 0
        if passing.finger is not None:
            assert bay.daemon is not None
            settings = bay.daemon.bedside.core.state.settings
            assert crossed_ns - changed_ns <= settings.averaging_ns + PACKET_NS
            assert rest_ns - changed_ns <= settings.reaction_ns + passing.limit.for_ns


def change(bay: Bay, passing: Passing, now_ns: int) -> None:
    """Let the patient's signs change at once and stay so."""
    if passing.finger is not None:
        alter = passing.finger
        bay.finger = lambda at_ns: alter(bay.patient.vitals(at_ns))
        return
    surge = PressureSurge(
        from_ns=now_ns,
        to_ns=now_ns + 2 * WATCHED_NS,
        ramp_ns=1,
        sbp_mmhg=passing.sbp_mmhg,
        dbp_mmhg=passing.sbp_mmhg / 2,
    )
    parameters = bay.patient.parameters
    bay.patient.parameters = replace(parameters, overlays=(*parameters.overlays, surge))


def first_beyond(bay: Bay, passed: Limit, from_ns: int) -> int:
    """Return when the first value beyond the limit had left its sensor."""
    found: list[Reading] = [
        *readings(entry for entry in bay.tape.entries if entry.source == f"{OXIMETER}<"),
        *pressures(entry for entry in bay.tape.entries if entry.source == f"{CUFF}<"),
    ]
    beyond = (each for each in found if each.value is not None and passed.unsafe(each.value))
    return min(each.at_ns for each in beyond if each.sign == passed.sign and each.at_ns >= from_ns)


def sent(bay: Bay) -> list[tuple[int, bytes]]:
    return [(entry.at_ns, entry.data) for entry in bay.tape.entries if entry.source == f"{PUMP}>"]


def first_rest(bay: Bay, from_ns: int) -> tuple[int, str]:
    """Return when the daemon first said that the pump is at rest, and the mode."""
    for entry in bay.tape.entries:
        if entry.at_ns > from_ns and entry.source == f"daemon>pumpd/v1/{bay.config.bed}/state":
            mode = json.loads(entry.data)["mode"]
            if mode in {"paused", "ended"}:
                return entry.at_ns, mode
    raise AssertionError("rest was never said")


@pytest.mark.req("VIT-08")
def test_the_averaging_time_is_in_the_budget_in_the_record_and_on_the_screens(config: Config) -> None:
    with Bay(config, seed=1, kept=("daemon>",)) as bay:

        async def scenario() -> None:
            daemon = bay.start_daemon()
            await bay.clock.pass_s(5)
            settings = daemon.bedside.core.state.settings
            assert settings.averaging_ns == 12 * NS_PER_S, "four beats at 20 /min"
            assert settings.reaction_ns == settings.averaging_ns + CONFIRM_WITHIN_NS
            [begun] = [json.loads(link.body) for link in bay.store.links if link.kind == "RunBegins"]
            assert begun["averaging_ns"] == settings.averaging_ns
            states = [entry.data for entry in bay.tape.entries if entry.source.endswith("/state")]
            assert {float(json.loads(data)["pump"]["reaction_s"]) for data in states} == {15.0}

        bay.run(scenario())
