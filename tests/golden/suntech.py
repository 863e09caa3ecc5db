"""Frames of the SunTech Advantage module. Marked ones are published, the rest was computed.

`request` and `answer` are builders of their own, so that no test checks a driver against itself.
"""

COMMANDS = {
    "start adult": bytes.fromhex("3a20a6"),
    "start paediatric": bytes.fromhex("3a873f"),
    "start neonate": bytes.fromhex("3a289e"),
    "abort": bytes.fromhex("3a7901004c"),
    "get cuff pressure": bytes.fromhex("3a79050048"),
    "get BP data": bytes.fromhex("3a7903004a"),
    "set initial inflation 160 mmHg": bytes.fromhex("3a17a0000f"),
    "set initial inflation 120 mmHg": bytes.fromhex("3a17780037"),
    "get module data": bytes.fromhex("3a00c6"),
    "get return string": bytes.fromhex("3a7902400b"),
    "status": bytes.fromhex("3a7910033a"),
    "status on A+": bytes.fromhex("3a7911003c"),
    "reset": bytes.fromhex("3a8a3c"),
}
SERVICE_COMMANDS = {0x0C: "control pneumatics", 0x04: "calibrate transducer", 0x81: "sleep", 0x86: "venous stasis"}
"""First command byte of what must never be sent."""
CONTROL_PNEUMATICS = bytes.fromhex("3a0c000101b8")
"""Published."""

LETTERS = {
    "O": bytes.fromhex("3e044f6f"),
    "K": bytes.fromhex("3e044b73"),
    "A": bytes.fromhex("3e04417d"),
    "B": bytes.fromhex("3e04427c"),
    "E": bytes.fromhex("3e044579"),
    "N": bytes.fromhex("3e044e70"),
    "D": bytes.fromhex("3e04447a"),
    "S": bytes.fromhex("3e04536b"),
    "T": bytes.fromhex("3e04546a"),
}

WORDS = {
    258: bytes.fromhex("3e050201ba"),  # published
    140: bytes.fromhex("3e058c0031"),
    0: bytes.fromhex("3e050000bd"),
    -1: bytes.fromhex("3e05ffffbf"),
    1: bytes.fromhex("3e050100bc"),
}
"""Cuff pressure in mmHg, where -1 means none, or the code of the self test."""

PUBLISHED = bytes.fromhex("3e1873004a001e01000000000000310755005800000000e9")
"""115/74, MAP 88, pulse 85, 30 beats."""
B1 = bytes.fromhex("3e1876004c001e01000000000000000048005a0000000027")
"""118/76, MAP 90, pulse 72."""
B2 = bytes.fromhex("3e18000000000000000000000000000000000000020000a8")
"""Error 02, artefact."""
B3 = bytes.fromhex("3e1800000000000000000000000000000000000057000053")
"""Error 57h, loose cuff or leak."""
B4 = bytes.fromhex("3e18540030001e01000000000000000076003c0000000055")
"""84/48, MAP 60, pulse 118."""
B5 = bytes.fromhex("3e1876004c001e01000000000000000048005a0002000025")
"""The numbers of B1 with error 02: no reading."""
B6 = bytes.fromhex("3e1800000000000000000000000000000000000056000054")
"""Error 56h, ended by the user."""
B7 = bytes.fromhex("3e1800000000000000000000000000000000000059000051")
"""Error 59h, over-pressure."""
B8 = bytes.fromhex("3e1860003a001e0100000000000000005800680000000031")
"""96/58 with MAP 104: sound frame, error 0, and refused."""
RESULTS = (PUBLISHED, B1, B2, B3, B4, B5, B6, B7, B8)


def _closed(body: bytes) -> bytes:
    return body + bytes(((256 - sum(body) % 256) % 256,))


def request(command: bytes) -> bytes:
    """Return a request with its checksum."""
    return _closed(b"\x3a" + command)


def answer(data: bytes) -> bytes:
    """Return an answer with its length and checksum."""
    return _closed(bytes((0x3E, len(data) + 3)) + data)


def result(sbp: int, dbp: int, mean: int, pulse: int, *, error: int = 0) -> bytes:
    """Return the answer to "get BP data" with pressures in mmHg."""
    data = bytearray(21)
    data[0:2] = sbp.to_bytes(2, "little")
    data[2:4] = dbp.to_bytes(2, "little")
    data[4:6] = b"\x1e\x01"
    data[14] = pulse
    data[16:18] = mean.to_bytes(2, "little")
    data[18] = error
    return answer(bytes(data))
