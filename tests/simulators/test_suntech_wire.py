"""Cuff module: requests as they come in, answers byte for byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.devices.suntech import Answer, Reading
from simulators.devices.suntech.wire import (
    Asked,
    Request,
    RequestReader,
    result_answer,
    short_answer,
    text_answer,
    word_answer,
)

REQUESTS = {
    "3a20a6": Asked(request=Request.START_ADULT),
    "3a873f": Asked(request=Request.START_PAEDIATRIC),
    "3a289e": Asked(request=Request.START_NEONATE),
    "3a7901004c": Asked(request=Request.ABORT),
    "3a79050048": Asked(request=Request.CUFF_PRESSURE),
    "3a7903004a": Asked(request=Request.BP_DATA),
    "3a17a0000f": Asked(request=Request.SET_INITIAL_INFLATION, argument=160),
    "3a17780037": Asked(request=Request.SET_INITIAL_INFLATION, argument=120),
    "3a00c6": Asked(request=Request.MODULE_DATA),
    "3a7902400b": Asked(request=Request.RETURN_STRING),
    "3a7910033a": Asked(request=Request.STATUS),
    "3a7911003c": Asked(request=Request.STATUS_A_PLUS),
    "3a8a3c": Asked(request=Request.RESET),
}


@pytest.mark.parametrize("written", REQUESTS)
def test_requests_are_understood_whole_and_byte_by_byte(written: str) -> None:
    data = bytes.fromhex(written)
    assert RequestReader().feed(data) == [REQUESTS[written]]
    assert RequestReader().feed(b"\x00\x55" + data + data) == [REQUESTS[written]] * 2
    reader = RequestReader()
    heard = [reader.feed(data[i : i + 1]) for i in range(len(data))]
    assert heard == [[]] * (len(data) - 1) + [[REQUESTS[written]]]


@pytest.mark.parametrize(
    ("written", "answer"),
    [
        ("3a20a7", Answer.NOT_RECOGNISED),
        ("3a79050049", Answer.NOT_RECOGNISED),
        ("3a79060146", Answer.UNDEFINED),
        ("3a0c000101b8", Answer.UNDEFINED),
        ("3a0400", Answer.UNDEFINED),
        ("3a8145", Answer.UNDEFINED),
        ("3a8640", Answer.UNDEFINED),
    ],
)
def test_what_is_no_request_is_answered_so(written: str, answer: Answer) -> None:
    assert RequestReader().feed(bytes.fromhex(written)) == [answer]


@given(written=st.sampled_from(sorted(REQUESTS)), bit=st.integers(0, 39))
def test_no_single_flipped_bit_makes_another_request(written: str, bit: int) -> None:
    data = bytearray(bytes.fromhex(written))
    byte, shift = divmod(bit % (len(data) * 8), 8)
    data[byte] ^= 1 << shift
    assert not [heard for heard in RequestReader().feed(bytes(data)) if isinstance(heard, Asked)]


def test_an_unfinished_request_can_be_dropped() -> None:
    reader = RequestReader()
    reader.feed(bytes.fromhex("3a7901"))
    reader.clear()
    assert reader.feed(bytes.fromhex("3a20a6")) == [Asked(request=Request.START_ADULT)]


@pytest.mark.parametrize(
    ("letter", "written"),
    [
        ("O", "3e044f6f"),
        ("K", "3e044b73"),
        ("A", "3e04417d"),
        ("B", "3e04427c"),
        ("E", "3e044579"),
        ("N", "3e044e70"),
        ("D", "3e04447a"),
        ("S", "3e04536b"),
        ("T", "3e04546a"),
    ],
)
def test_short_answers(letter: str, written: str) -> None:
    assert short_answer(Answer(letter)).hex() == written


def test_there_is_no_other_short_answer() -> None:
    assert {answer.value for answer in Answer} == set("OKABENDST")


@pytest.mark.parametrize(
    ("value", "written"),
    [(258, "3e050201ba"), (140, "3e058c0031"), (0, "3e050000bd"), (-1, "3e05ffffbf"), (1, "3e050100bc")],
)
def test_word_answers(value: int, written: str) -> None:
    assert word_answer(value).hex() == written


GOOD = Reading(sbp_mmhg=118, dbp_mmhg=76, map_mmhg=90, pr_bpm=72, beats=30, bp_status=1)
PUBLISHED = Reading(
    sbp_mmhg=115,
    dbp_mmhg=74,
    map_mmhg=88,
    pr_bpm=85,
    beats=30,
    bp_status=1,
    test_codes=bytes.fromhex("0000000000003107"),
)
RESULTS = {
    "3e1873004a001e01000000000000310755005800000000e9": PUBLISHED,
    "3e1876004c001e01000000000000000048005a0000000027": GOOD,
    "3e18000000000000000000000000000000000000020000a8": Reading(error=0x02),
    "3e1800000000000000000000000000000000000057000053": Reading(error=0x57),
    "3e18540030001e01000000000000000076003c0000000055": Reading(
        sbp_mmhg=84, dbp_mmhg=48, map_mmhg=60, pr_bpm=118, beats=30, bp_status=1
    ),
    "3e1876004c001e01000000000000000048005a0002000025": Reading(
        sbp_mmhg=118, dbp_mmhg=76, map_mmhg=90, pr_bpm=72, beats=30, bp_status=1, error=0x02
    ),
    "3e1800000000000000000000000000000000000056000054": Reading(error=0x56),
    "3e1800000000000000000000000000000000000059000051": Reading(error=0x59),
    "3e1860003a001e0100000000000000005800680000000031": Reading(
        sbp_mmhg=96, dbp_mmhg=58, map_mmhg=104, pr_bpm=88, beats=30, bp_status=1
    ),
}


@pytest.mark.parametrize("written", RESULTS)
def test_results(written: str) -> None:
    assert result_answer(RESULTS[written]).hex() == written


def test_texts_stand_eight_bytes_apart() -> None:
    answer = text_answer("LX12", "second")
    assert (answer[0], answer[1], len(answer), sum(answer) & 0xFF) == (0x3E, 0x43, 0x43, 0)
    assert answer[2:10] == b"LX12\0\0\0\0"
    assert answer[10:17] == b"second\0"
