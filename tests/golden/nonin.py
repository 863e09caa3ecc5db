"""Packets of Nonin serial Data Format 2: `REFERENCE` was seen in a public test suite, the rest was computed.

`packet` and `frame` are a builder of their own, so that no test checks a driver against itself.
"""

FRAME_BYTES = 5
FRAMES = 25
PACKET_BYTES = 125
REVISION = 0x30


def frame(status: int, pleth: int, data: int) -> bytes:
    """Return one frame with its checksum."""
    body = bytes((0x01, status, pleth, data))
    return body + bytes((sum(body) % 256,))


def packet(pulse: int, spo2: int, *, status: int = 0x82, pleth: tuple[int, ...] = (1,), stat2: int = 0) -> bytes:
    """Return 25 frames. `status` is that of every frame, without SYNC; `pleth` is repeated as often as needed."""
    msb, lsb = pulse // 128, pulse % 128
    data = [msb, lsb, spo2, REVISION, 0, 0, 0, stat2, spo2, spo2, spo2, 0, 0]
    data += [msb, lsb, spo2, spo2, 0, 0, msb, lsb, msb, lsb, 0, 0]
    return b"".join(
        frame(status + (1 if index == 0 else 0), pleth[index % len(pleth)], value) for index, value in enumerate(data)
    )


REFERENCE = bytes.fromhex(
    """
    0181010083 01800148ca 01800161e3 01800130b2 0180010082
    0180010082 0180010082 0180010082 01800161e3 01800161e3
    01800161e3 0180010082 0180010082 0180010082 01800148ca
    01800161e3 01800161e3 0180010082 0180010082 0180010082
    01800148ca 0180010082 01800148ca 0180010082 0180010082
    """
)
"""Seen in a public test suite: pulse 72, SpO2 97, revision 30h, no perfusion bit, all averages equal."""

N1 = bytes.fromhex(
    """
    0183010085 01820148cc 01820161e5 01820130b4 0182010084
    0182010084 0182010084 0182010084 01820161e5 01820161e5
    01820161e5 0182010084 0182010084 0182010084 01820148cc
    01820161e5 01820161e5 0182010084 0182010084 0182010084
    01820148cc 0182010084 01820148cc 0182010084 0182010084
    """
)
"""Pulse 72, SpO2 97, green perfusion."""

N2 = bytes.fromhex(
    """
    0183010186 0182010c90 01820158dc 01820130b4 0182010084
    0182010084 0182010084 0182010084 01820158dc 01820158dc
    01820158dc 0182010084 0182010084 0182010185 0182010c90
    01820158dc 01820158dc 0182010084 0182010084 0182010185
    0182010c90 0182010185 0182010c90 0182010084 0182010084
    """
)
"""Pulse 140, SpO2 88, green: joining the pulse rate at bit 8 would read 268."""

N3 = bytes.fromhex(
    """
    01c90103ce 01c8017f49 01c8017f49 01c80130fa 01c80100ca
    01c80100ca 01c80100ca 01c80100ca 01c8017f49 01c8017f49
    01c8017f49 01c80100ca 01c80100ca 01c80103cd 01c8017f49
    01c8017f49 01c8017f49 01c80100ca 01c80100ca 01c80103cd
    01c8017f49 01c80103cd 01c8017f49 01c80100ca 01c80100ca
    """
)
"""Probe off: sensor unplugged and sensor alarm, pulse 511, SpO2 127."""

N4 = bytes.fromhex(
    """
    01a70101aa 01a60152fa 01a60155fd 01a60130d8 01a60100a8
    01a60100a8 01a60100a8 01a60100a8 01a60155fd 01a60155fd
    01a60155fd 01a60100a8 01a60100a8 01a60101a9 01a60152fa
    01a60155fd 01a60155fd 01a60100a8 01a60100a8 01a60101a9
    01a60152fa 01a60101a9 01a60152fa 01a60100a8 01a60100a8
    """
)
"""Artefact, yellow perfusion, pulse 210, SpO2 85: both look real and must not be used."""

N5 = bytes.fromhex(
    """
    0195010097 01940160f6 0194015df3 01940130c6 0194010096
    0194010096 0194010096 0194010096 0194015df3 0194015df3
    0194015df3 0194010096 0194010096 0194010096 01940160f6
    0194015df3 0194015df3 0194010096 0194010096 0194010096
    01940160f6 0194010096 01940160f6 0194010096 0194010096
    """
)
"""Out of track, red perfusion, pulse 96, SpO2 93 held by the device: must not be used."""
