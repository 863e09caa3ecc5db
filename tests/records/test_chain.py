from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpd.records.chain import Head, Link, genesis, link, verify

START = genesis("journal")


def chain(count: int) -> list[Link]:
    links = []
    head = START
    for number in range(count):
        links.append(link(head, kind="k", mono_ns=number, wall_utc="w", boot="b", body=f'{{"n":{number}}}'))
        head = links[-1].head
    return links


def test_a_whole_chain_verifies() -> None:
    links = chain(5)
    assert verify(links, start=START) is None
    assert verify([], start=START) is None
    assert verify(links, start=START, expected=links[2].head) is None
    assert verify(links[2:], start=links[1].head) is None


@pytest.mark.req("LOG-04")
@given(
    st.integers(0, 4),
    st.sampled_from(["seq", "kind", "mono_ns", "wall_utc", "boot", "body", "previous_hash", "hash"]),
)
def test_a_change_of_any_field_is_found_at_its_record(position: int, field: str) -> None:
    links = chain(5)
    old = getattr(links[position], field)
    links[position] = replace(links[position], **{field: old + 1 if isinstance(old, int) else old + "x"})
    error = verify(links, start=START)
    assert error is not None
    assert error.seq == position + 1


@pytest.mark.req("LOG-04")
def test_a_gap_a_reorder_and_a_cut_tail_are_found() -> None:
    links = chain(5)
    gap = verify(links[:2] + links[3:], start=START)
    reorder = verify([links[0], links[2], links[1], *links[3:]], start=START)
    cut = verify(links[:3], start=START, expected=links[4].head)
    forged = verify(links, start=START, expected=Head(seq=3, hash="0" * 64))
    foreign = verify(links, start=genesis("another"))
    assert [error and error.seq for error in (gap, reorder, cut, forged, foreign)] == [3, 2, 4, 3, 1]
    assert verify(links[:3], start=START) is None  # which is why the head is printed on the report


def test_fields_cannot_be_shifted_into_each_other() -> None:
    one = link(START, kind="a\nb", mono_ns=1, wall_utc="w", boot="c", body="{}")
    two = link(START, kind="a", mono_ns=1, wall_utc="w", boot="b\nc", body="{}")
    assert one.hash != two.hash


def test_the_hash_of_a_record_is_settled() -> None:
    only = link(START, kind="event", mono_ns=7, wall_utc="2026-03-01T10:00:00Z", boot="b", body='{"a":1}')
    assert only.hash == "b4be822b419774eecffb0e28d8b257b61e96811513a2872b7598acf3a77ebe8f"
