"""A soft limit that was passed is seen by everyone after: in the record, on the order, by who confirms; limits stay."""

from dataclasses import replace
from decimal import Decimal

import pytest

from pumpd.bedside.screen import _order
from pumpd.bedside.versions import versions_of
from pumpd.core.bounds import Measure
from pumpd.core.commands import ReceiptState
from pumpd.core.controller import Core
from pumpd.core.effects import Decision, SaveSession
from pumpd.core.modes import Mode
from pumpd.core.profile import Profile
from pumpd.core.readiness import start_blockers
from tests.core.support import World, only, prepare, profile, ready, settings

HEAVY = prepare(
    weight_kg=Decimal(118),
    dose_mg_per_kg=Decimal("0.42"),
    syringe_fill_ml=Decimal(59),
    soft_limits=(Measure.WEIGHT,),
    soft_limit_reason="measured twice on two scales",
)


def booted(core: Core | None = None) -> World:
    world = World() if core is None else World(core=core)
    world.boot()
    world.advance(1)
    return world


@pytest.mark.req("CFG-01", "START-09")
def test_a_passed_soft_limit_is_journalled_and_kept_with_the_order() -> None:
    world = booted()
    effects = world.command("anna", HEAVY)
    (line,) = (one.text for one in only(effects, Decision) if one.cause == "prepare")
    assert "past soft limits: weight 118 kg (soft limits 45 to 115)" in line
    assert "because: measured twice on two scales" in line
    (saved,) = only(effects, SaveSession)
    assert saved.record.order.soft_limits_passed == ("weight 118 kg (soft limits 45 to 115)",)
    assert saved.record.order.soft_limit_reason == "measured twice on two scales"


@pytest.mark.req("CFG-01", "START-09")
@pytest.mark.parametrize("changes", [{"soft_limits": ()}, {"soft_limit_reason": ""}, {"weight_kg": Decimal(151)}])
def test_without_name_or_reason_or_past_the_hard_limit_there_is_no_order(changes: dict[str, object]) -> None:
    world = booted()
    refused = world.answer("anna", replace(HEAVY, **changes))  # type: ignore[arg-type]  # the tests name the fields
    assert refused.state is ReceiptState.REFUSED
    assert "weight" in refused.reason
    assert world.core.state.order is None


@pytest.mark.req("CFG-07")
def test_each_session_names_its_versions_in_the_record() -> None:
    versions = versions_of(profile())
    world = booted(Core(replace(settings(), versions=versions)))
    (line,) = (one.text for one in only(world.command("anna", prepare()), Decision) if one.cause == "versions")
    assert str(world.core.state.session) in line
    for version in versions:
        assert f"{version.what} {version.name} {version.version} ({version.hash})" in line


@pytest.mark.req("CFG-01")
def test_the_state_on_the_bus_shows_what_was_passed() -> None:
    world = booted()
    world.command("anna", HEAVY)
    order = _order(world.core.state.order, None, None)
    assert order is not None
    assert order.soft_limits_passed == ("weight 118 kg (soft limits 45 to 115)",)
    assert order.soft_limit_reason == "measured twice on two scales"


def other() -> Profile:
    return replace(profile(), hash="0123456789abcdef")


@pytest.mark.req("CFG-04")
def test_an_order_of_another_profile_is_never_started() -> None:
    world = ready()
    assert not any("under profile" in each for each in start_blockers(world.core.state, world.now_ns))
    world.core.state.settings = replace(world.core.state.settings, profile=other())
    assert world.mode is Mode.READY
    refused = world.start()
    assert refused.state is ReceiptState.REFUSED
    assert "the order was made under profile" in refused.reason
