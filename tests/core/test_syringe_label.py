"""The syringe's label: what it must say, and how old its solution may be at a start (CLIN-11)."""

from decimal import Decimal

import pytest

from pumpd.core import readiness
from pumpd.core.commands import Appearance, ReceiptState
from pumpd.core.syringe_label import LONGEST_MIN, label_of
from tests.core.support import S, World, prepare

MIN = 60
HOUR_NS = 3_600 * S


@pytest.mark.req("CLIN-11")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"made_by": " "}, "names no maker or no witness"),
        ({"witnessed_by": ""}, "names no maker or no witness"),
        ({"witnessed_by": " Clara "}, "clara cannot witness what clara mixed"),
        ({"mixed_min_ago": -1}, "mixed_min_ago -1 min is outside 0 to 1440 min"),
        ({"mixed_min_ago": LONGEST_MIN + 1}, "read the label again"),
        ({"expires_in_min": -1}, "expires_in_min -1 min is outside"),
        ({"drug_drawn_ml": Decimal("2.0000001")}, "mixed volume has more digits than pumpd resolves: 50.0000001 mL"),
    ],
)
def test_a_label_that_cannot_be_true_is_refused(changes: dict[str, object], words: str) -> None:
    world = World()
    world.boot()
    world.advance(1)
    refused = world.answer("anna", prepare(**changes))
    assert refused.state is ReceiptState.REFUSED
    assert words in refused.reason


@pytest.mark.req("CLIN-11")
def test_the_label_is_part_of_the_order_and_of_its_hash() -> None:
    world = World()
    world.boot()
    world.advance(1)
    world.answer("anna", prepare(made_by="  Clara   Weiss ", expires_in_min=90))
    order = world.core.state.order
    assert order is not None
    label = order.label
    assert (label.made_by, label.witnessed_by, label.mixed_nl) == ("Clara Weiss", "dan", 50_000_000)
    assert (label.drug_drawn_ml, label.diluent_ml, label.expires_in_min) == (2, 48, 90)


@pytest.mark.req("CLIN-11")
def test_60_min_after_mixing_nothing_is_started_where_no_expiry_is_entered() -> None:
    label = label_of(prepare(mixed_min_ago=20))
    assert label.blocker(40 * MIN * S - 1, HOUR_NS) is None
    late = label.blocker(40 * MIN * S, HOUR_NS)
    assert late is not None
    assert late.startswith("the drug was mixed 60 min ago and no expiry is on the label; limit 60 min")


@pytest.mark.req("CLIN-11")
def test_after_the_entered_expiry_nothing_is_started() -> None:
    label = label_of(prepare(mixed_min_ago=300, expires_in_min=30))
    assert label.blocker(30 * MIN * S - 1, HOUR_NS) is None, "its own expiry counts, and not the hour"
    assert "expired 2 min ago" in str(label.blocker(32 * MIN * S, HOUR_NS))
    assert "expired 0 min ago" in str(label_of(prepare(expires_in_min=0)).blocker(0, HOUR_NS))


@pytest.mark.req("CLIN-11")
@pytest.mark.parametrize("appearance", [Appearance.CLOUDY, Appearance.COLOURED])
def test_a_solution_that_is_not_clear_is_not_started(appearance: Appearance) -> None:
    world = World()
    world.boot()
    world.advance(1)
    assert world.answer("anna", prepare(appearance=appearance)).state is ReceiptState.VERIFIED
    world.advance(150)
    world.assess()
    world.attest_all()
    world.confirm()
    assert f"the solution was attested as {appearance.value}" in world.start().reason


@pytest.mark.req("CLIN-11")
def test_a_start_judges_the_age_of_the_syringe_at_that_instant() -> None:
    world = World()
    world.boot()
    world.advance(1)
    world.answer("anna", prepare(mixed_min_ago=55))
    world.advance(150)
    world.assess()
    world.attest_all()
    world.confirm()
    assert world.core.state.prepared_ns is not None
    assert not any("the label" in each for each in readiness.start_blockers(world.core.state, world.now_ns))
    world.advance(150)
    assert "no expiry is on the label" in world.start().reason
    world.core.state.prepared_ns = None
    assert "nobody knows since when the syringe is mixed" in world.start().reason
