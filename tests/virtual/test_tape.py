"""The digest covers every byte in order, however it is gathered."""

import hashlib

from simulators.harness.virtual.tape import HASHED_AT_ONCE, Tape


def test_the_digest_is_that_of_all_entries_whenever_it_is_asked_for() -> None:
    tape, expected = Tape(("pump",)), hashlib.sha256()
    for at_ns in range(3):
        data = bytes([at_ns]) * (HASHED_AT_ONCE // 2)
        tape.note(at_ns, "pump>", data)
        expected.update(b"%d pump> %d\n" % (at_ns, len(data)) + data)
        assert tape.digest() == expected.hexdigest()
    assert [entry.at_ns for entry in tape.entries] == [0, 1, 2]
