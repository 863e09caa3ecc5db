"""Packets of a Nonin oximeter, serial Data Format 2: 25 frames of 5 bytes, three packets a second."""

FRAME_BYTES = 5
FRAMES = 25
PACKET_NS = 1_000_000_000 // 3
GOOD_PERFUSION = 0x82
SYNC = 0x01


def packet(*, spo2_percent: int, pulse_bpm: int) -> bytes:
    """Return one packet with every average equal, a pulse wave, good perfusion and no flag."""
    pulse = [pulse_bpm >> 7, pulse_bpm & 0x7F]
    data = [0] * FRAMES
    data[0:4] = [*pulse, spo2_percent, 0x30]
    data[8:11] = [spo2_percent] * 3
    data[13:17] = [*pulse, spo2_percent, spo2_percent]
    data[19:23] = [*pulse, *pulse]
    frames = bytearray()
    for number, value in enumerate(data):
        pleth = 0x60 + 4 * abs(number - FRAMES // 2)
        head = bytes([0x01, GOOD_PERFUSION | (SYNC if number == 0 else 0), pleth, value])
        frames += head + bytes([sum(head) & 0xFF])
    return bytes(frames)


SAFE = packet(spo2_percent=97, pulse_bpm=72)
UNSAFE = packet(spo2_percent=84, pulse_bpm=72)
"""Below the 85 % at which the shipped profiles end an infusion at once."""
