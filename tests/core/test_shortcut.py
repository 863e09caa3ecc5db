"""The shortcut to the stop: it never does what the whole evaluation would not do, and it comes first."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpd.core.effects import SendStop
from pumpd.core.modes import Mode
from pumpd.core.ports import Sample, SamplesReceived, Validity, VitalKind
from tests.core.support import S, core_in, settings

KINDS = st.sampled_from([VitalKind.SPO2, VitalKind.HR, VitalKind.SBP, VitalKind.DBP, VitalKind.RR, VitalKind.MOAAS])


@pytest.mark.req("VIT-08", "VIT-09")
@given(
    st.lists(
        st.tuples(KINDS, st.integers(0, 300), st.sampled_from(Validity), st.integers(-5 * S, 5 * S)),
        max_size=4,
        unique_by=lambda item: item[0],
    )
)
def test_a_stop_leaves_exactly_when_a_halt_begins(drawn: list[tuple[VitalKind, int, Validity, int]]) -> None:
    core, now_ns = core_in(Mode.RUNNING)
    now_ns += 10_000_000
    samples = tuple(
        Sample(
            kind=kind,
            value=value if validity in {Validity.VALID, Validity.IMPOSSIBLE} else None,
            validity=validity,
            measured_at_ns=now_ns + offset_ns,
            source="any",
            seq=number,
        )
        for number, (kind, value, validity, offset_ns) in enumerate(drawn)
    )
    effects = list(core.handle(SamplesReceived(samples=samples), now_ns))
    stops = [effect for effect in effects if isinstance(effect, SendStop)]
    assert len(stops) == (core.state.halt is not None)
    assert not stops or isinstance(effects[0], SendStop)


@pytest.mark.req("VIT-08")
def test_the_stop_is_out_before_anything_else_is_evaluated() -> None:
    core, now_ns = core_in(Mode.RUNNING)
    now_ns += 10_000_000
    low = Sample(
        kind=VitalKind.SPO2, value=84, validity=Validity.VALID, measured_at_ns=now_ns, source="oximeter", seq=9
    )
    effects = core.handle(SamplesReceived(samples=(low,)), now_ns)
    assert isinstance(next(effects), SendStop)
    assert core.state.vitals.latest.get(VitalKind.SPO2) is not low
    assert not any(isinstance(effect, SendStop) for effect in effects)
    assert core.state.halt is not None


@pytest.mark.req("VIT-08")
def test_what_a_sensor_averages_is_part_of_the_time_until_rest() -> None:
    assert replace(settings(), averaging_ns=0).reaction_ns == 3 * S
    assert replace(settings(), averaging_ns=7 * S).reaction_ns == 10 * S
