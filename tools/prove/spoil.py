"""Sound bytes made unsound, the same way for the same seed. Knows no format."""

from collections.abc import Callable, Sequence
from random import Random

MOST_BYTES = 8 * 1024
"""No spoilt input is longer."""
_LIES = (0, 1, 2, 3, 4, 5, 7, 0x2F, 0x30, 0x39, 0x3A, 0x3E, 0x43, 0x44, 0x7F, 0x80, 0xFE, 0xFF)
"""Lengths, marks and edges of the formats that are in use, wherever they land."""


def _flip(data: bytearray, rng: Random, _seeds: Sequence[bytes]) -> None:
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _drop(data: bytearray, rng: Random, _seeds: Sequence[bytes]) -> None:
    at = rng.randrange(len(data) + 1)
    del data[at : at + rng.randint(1, 4)]


def _double(data: bytearray, rng: Random, _seeds: Sequence[bytes]) -> None:
    at = rng.randrange(len(data) + 1)
    data[at:at] = data[at : at + rng.randint(1, 16)]


def _splice(data: bytearray, rng: Random, seeds: Sequence[bytes]) -> None:
    other = seeds[rng.randrange(len(seeds))]
    begin = rng.randrange(len(other) + 1)
    at = rng.randrange(len(data) + 1)
    data[at : at + rng.randint(0, 8)] = other[begin : begin + rng.randint(1, 64)]


def _lie(data: bytearray, rng: Random, _seeds: Sequence[bytes]) -> None:
    if data:
        data[min(rng.randrange(len(data)), rng.randrange(len(data)))] = _LIES[rng.randrange(len(_LIES))]


def _noise(data: bytearray, rng: Random, _seeds: Sequence[bytes]) -> None:
    at = rng.randrange(len(data) + 1)
    data[at:at] = rng.randbytes(rng.randint(1, 24))


def _cut(data: bytearray, rng: Random, _seeds: Sequence[bytes]) -> None:
    del data[rng.randrange(len(data) + 1) :]


def _nest(data: bytearray, rng: Random, _seeds: Sequence[bytes]) -> None:
    """Where a value begins, brackets or digits without end: what a recursive reader and a big number choke on."""
    starts = [at + 1 for at, byte in enumerate(data) if byte in b":="] or [0]
    at = starts[rng.randrange(len(starts))]
    what = (b"[", b"{", b'{"a":', b"9", b"1e9", b'"1e999999"')[rng.randrange(6)]
    if what[-1] == ord('"'):
        del data[at : max(data.find(b",", at), at)]
        data[at:at] = what
    else:
        data[at:at] = what * (1 << rng.randint(1, 12))


_COMMON: tuple[Callable[[bytearray, Random, Sequence[bytes]], None], ...] = (
    _flip,
    _flip,
    _drop,
    _double,
    _splice,
    _lie,
    _lie,
    _noise,
    _cut,
)


def spoilt(rng: Random, seeds: Sequence[bytes]) -> bytes:
    """Return one of `seeds` with one to four things wrong with it, or in one case of 32 plain noise."""
    kind = rng.randrange(64)
    if kind < 2:
        return rng.randbytes(rng.randint(0, 300))
    data = bytearray(seeds[rng.randrange(len(seeds))])
    if kind == 2:
        _nest(data, rng, seeds)
    for _ in range(rng.randint(1, 4)):
        _COMMON[rng.randrange(len(_COMMON))](data, rng, seeds)
    return bytes(data[:MOST_BYTES])
