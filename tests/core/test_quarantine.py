"""The list of refused commands: who asked for what and why not, bounded, repeats counted."""

import pytest

from pumpd.core.commands import CommandMalformed, Start
from pumpd.core.quarantine import KEPT, REASON_CHARACTERS, Refusal, noted
from tests.core.support import World, prepare, ready

pytestmark = pytest.mark.req("CMD-05")


def listed(world: World) -> list[tuple[str, str, int]]:
    return [(each.user, each.kind, each.count) for each in world.core.state.refusals]


def test_a_refused_command_is_listed_with_who_what_why_and_when() -> None:
    world = ready()
    world.command("vic", Start(order_hash=world.order_hash), id="v1")
    (refusal,) = world.core.state.refusals
    assert (refusal.user, refusal.kind, refusal.command_id, refusal.at_ns) == ("vic", "start", "v1", world.now_ns)
    assert "the role viewer may not start" in refusal.reason


def test_repeats_are_counted_and_others_listed_apart() -> None:
    world = ready()
    for _ in range(3):
        world.command("vic", Start(order_hash=world.order_hash))
    world.tell(CommandMalformed(user="anna", id=None, reason="not JSON"))
    world.command("mallory", prepare())
    assert listed(world) == [("vic", "start", 3), ("anna", "unreadable", 1), ("mallory", "prepare", 1)]


def test_an_age_in_the_reason_makes_no_new_entry() -> None:
    world = ready()
    token = world.core.state.tokens[-1][0]
    for seconds in (6, 7, 18):
        later_ns = world.now_ns + seconds * 1_000_000_000
        world.command("anna", Start(order_hash=world.order_hash), token=token, received_real_ns=later_ns)
    assert listed(world) == [("anna", "start", 3)]


def test_an_id_that_is_used_again_is_listed() -> None:
    world = World()
    world.boot(seen=("old",))
    world.command("anna", prepare(), id="old")
    assert listed(world) == [("anna", "prepare", 1)]


def test_the_list_is_bounded_and_keeps_the_newest() -> None:
    refusals: tuple[Refusal, ...] = ()
    for number in range(3 * KEPT):
        one = Refusal(user=f"u{number}", kind="start", command_id="x", reason="y" * 1_000, at_ns=number)
        refusals = noted(refusals, one)
    assert [each.at_ns for each in refusals] == list(range(2 * KEPT, 3 * KEPT))
    assert {len(each.reason) for each in refusals} == {REASON_CHARACTERS}


def test_what_is_accepted_is_not_listed() -> None:
    assert ready().core.state.refusals == ()
