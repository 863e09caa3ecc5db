"""The frame codec of the cuff module: golden frames both ways, every chunking, damage, what cannot be built."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.suntech.frame import (
    Answer,
    BpData,
    CuffPressure,
    Framer,
    Letter,
    Request,
    SelfTest,
    Unexpected,
    checksum,
    encode,
    interpret,
)
from tests.golden import suntech

ANSWERS = (*suntech.LETTERS.values(), *suntech.WORDS.values(), *suntech.RESULTS)
COMMANDS = {
    Request.START_ADULT: "start adult",
    Request.ABORT: "abort",
    Request.CUFF_PRESSURE: "get cuff pressure",
    Request.BP_DATA: "get BP data",
    Request.SELF_TEST: "status",
    Request.SELF_TEST_A_PLUS: "status on A+",
}
CHUNKS = (1, 7, 64, 500)


def frames(data: bytes, chunk: int = 10_000) -> list[bytes]:
    framer = Framer()
    return [frame for at in range(0, len(data), chunk) for frame in framer.feed(data[at : at + chunk])]


def settled(data: bytes) -> list[bytes]:
    """All frames, also those that hide behind noise which looks like the head of a longer frame."""
    framer = Framer()
    found = framer.feed(data)
    while framer.waiting:
        found += framer.give_up_first()
    return found


@pytest.mark.parametrize("request_", Request)
def test_requests_are_the_golden_ones(request_: Request) -> None:
    assert encode(request_) == suntech.COMMANDS[COMMANDS[request_]]


def test_no_service_command_can_be_built() -> None:
    assert suntech.CONTROL_PNEUMATICS[1] in suntech.SERVICE_COMMANDS
    assert {request_.value[0] for request_ in Request} == {0x20, 0x79}
    assert not {request_.value[0] for request_ in Request} & set(suntech.SERVICE_COMMANDS)
    # Of the one command that can be aimed at other things, only these are known.
    assert {request_.value[1:] for request_ in Request if request_.value[0] == 0x79} == {
        b"\x01\x00",
        b"\x03\x00",
        b"\x05\x00",
        b"\x10\x03",
        b"\x11\x00",
    }


def test_the_test_builder_agrees_with_the_golden_frames() -> None:
    assert {name: suntech.request(frame[1:-1]) for name, frame in suntech.COMMANDS.items()} == suntech.COMMANDS
    assert tuple(suntech.answer(frame[2:-1]) for frame in ANSWERS) == ANSWERS
    assert suntech.result(118, 76, 90, 72) == suntech.B1
    assert suntech.result(84, 48, 60, 118) == suntech.B4
    assert suntech.result(118, 76, 90, 72, error=2) == suntech.B5


@pytest.mark.parametrize("frame", [*ANSWERS, *suntech.COMMANDS.values(), suntech.CONTROL_PNEUMATICS])
def test_golden_checksums(frame: bytes) -> None:
    assert checksum(frame[:-1]) == frame[-1]


@pytest.mark.parametrize("chunk", CHUNKS)
def test_golden_answers_in_every_chunking(chunk: int) -> None:
    assert frames(b"".join(ANSWERS), chunk) == list(ANSWERS)


@pytest.mark.parametrize("seed", range(30))
def test_random_bytes_in_front(seed: int) -> None:
    noise = Random(seed).randbytes(100)  # noqa: S311 - noise, not a secret
    found = settled(noise + b"".join(ANSWERS))
    assert found[-len(ANSWERS) + 1 :] == list(ANSWERS[1:])


@pytest.mark.parametrize("letter", suntech.LETTERS)
@pytest.mark.parametrize("outstanding", [*Request, None])
def test_letters_mean_the_same_whatever_was_asked(letter: str, outstanding: Request | None) -> None:
    assert interpret(suntech.LETTERS[letter], outstanding) is Letter(letter.encode())


def test_an_unknown_letter_is_unexpected() -> None:
    frame = suntech.answer(b"Z")
    assert frames(frame) == [frame]
    assert interpret(frame, Request.START_ADULT) == Unexpected(data=frame)


@pytest.mark.parametrize("value", suntech.WORDS)
@pytest.mark.parametrize("outstanding", [*Request, None])
def test_a_word_means_what_was_asked_for(value: int, outstanding: Request | None) -> None:
    frame = suntech.WORDS[value]
    expected: Answer = Unexpected(data=frame)
    if outstanding is Request.CUFF_PRESSURE:
        expected = CuffPressure(pressure_mmhg=None if value == -1 else value)
    elif outstanding in (Request.SELF_TEST, Request.SELF_TEST_A_PLUS):
        expected = SelfTest(fault_code=value % 65536)
    assert interpret(frame, outstanding) == expected


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (suntech.PUBLISHED, (115, 74, 88, 85, 0)),
        (suntech.B1, (118, 76, 90, 72, 0)),
        (suntech.B2, (0, 0, 0, 0, 0x02)),
        (suntech.B3, (0, 0, 0, 0, 0x57)),
        (suntech.B4, (84, 48, 60, 118, 0)),
        (suntech.B5, (118, 76, 90, 72, 0x02)),
        (suntech.B6, (0, 0, 0, 0, 0x56)),
        (suntech.B7, (0, 0, 0, 0, 0x59)),
        (suntech.B8, (96, 58, 104, 88, 0)),
    ],
)
def test_golden_results(frame: bytes, expected: tuple[int, int, int, int, int]) -> None:
    data = interpret(frame, Request.BP_DATA)
    assert isinstance(data, BpData)
    assert (data.sbp_mmhg, data.dbp_mmhg, data.map_mmhg, data.pulse_bpm, data.error_code) == expected
    assert interpret(frame, Request.CUFF_PRESSURE) == Unexpected(data=frame)


@pytest.mark.parametrize("frame", ANSWERS)
def test_no_flipped_bit_gives_another_answer(frame: bytes) -> None:
    for bit in range(8 * len(frame)):
        flipped = bytearray(frame)
        flipped[bit // 8] ^= 1 << bit % 8
        for found in settled(bytes(flipped)):
            assert {type(interpret(found, outstanding)) for outstanding in (*Request, None)} == {Unexpected}


@pytest.mark.parametrize("frame", ANSWERS)
def test_a_frame_behind_a_false_head_is_found(frame: bytes) -> None:
    assert frames(b"\x3e\x43" + frame) == []
    assert settled(b"\x3e\x43" + frame) == [frame]
    assert frames(b"\x3e\x03" + frame) == [frame]
    assert frames(b"\x3e\x44" + frame) == [frame]
    assert settled(b"\x3e" + frame) == [frame]


@pytest.mark.parametrize("frame", [b"\x3e\x01\xc1", b"\x3e\x02\xc0", b"\x3e\x03\xbf"])
def test_a_sound_sum_is_no_frame_when_too_short(frame: bytes) -> None:
    assert sum(frame) % 256 == 0
    assert settled(frame) == []


def test_the_longest_frame_is_taken() -> None:
    frame = suntech.answer(bytes(0x40))
    assert len(frame) == 0x43
    assert frames(frame) == [frame]
    assert settled(suntech.answer(bytes(0x41))) == []


@given(st.lists(st.binary(max_size=200), max_size=10))
def test_any_bytes_are_taken_and_little_is_kept(chunks: list[bytes]) -> None:
    framer = Framer()
    for chunk in chunks:
        for frame in framer.feed(chunk):
            assert sum(frame) % 256 == 0
            for outstanding in (*Request, None):
                interpret(frame, outstanding)
        assert len(framer._stream) < 0x43


@given(
    sbp=st.integers(0, 65535),
    dbp=st.integers(0, 65535),
    mean=st.integers(0, 65535),
    pulse=st.integers(0, 255),
    error=st.integers(0, 255),
    chunk=st.integers(1, 30),
)
def test_what_the_module_sends_is_what_is_read(
    sbp: int, dbp: int, mean: int, pulse: int, error: int, chunk: int
) -> None:
    (frame,) = frames(suntech.result(sbp, dbp, mean, pulse, error=error), chunk)
    assert interpret(frame, Request.BP_DATA) == BpData(
        sbp_mmhg=sbp, dbp_mmhg=dbp, map_mmhg=mean, pulse_bpm=pulse, error_code=error
    )


@given(st.integers(-32768, 32767), st.integers(1, 5))
def test_pressures_are_signed_words(pressure: int, chunk: int) -> None:
    (frame,) = frames(suntech.answer(pressure.to_bytes(2, "little", signed=True)), chunk)
    expected = None if pressure == -1 else pressure
    assert interpret(frame, Request.CUFF_PRESSURE) == CuffPressure(pressure_mmhg=expected)
