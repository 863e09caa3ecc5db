"""Spoilt bytes at every reader: a hundred thousand of them, or the first that breaks one."""

from pathlib import Path

import pytest

from tools.prove.hostile import HostileError, Reader, attack, main, readers, shares

IN_CI = 100_000
"""Ten million are run by hand: docs/safety/README.md."""


@pytest.mark.req("CMD-06", "COMM-10")
@pytest.mark.parametrize(
    "name", ["ne1000", "nonin", "suntech", "commands", "wire", "clearance", "records", "configuration"]
)
def test_spoilt_bytes_break_no_reader(name: str, tmp_path: Path) -> None:
    found = readers(tmp_path)
    reader = next(each for each in found if each.name == name)
    attack(reader, seed=1, inputs=shares(found, IN_CI)[name])


def test_the_readers_are_all_named_above_and_share_the_whole(tmp_path: Path) -> None:
    assert sum(reader.share for reader in readers(tmp_path)) == 1_000
    assert len(readers(tmp_path)) == 8


def test_a_reader_that_breaks_is_named_with_the_input_that_does_it() -> None:
    def feed(data: bytes) -> None:
        if data != b"whole":
            raise KeyError("not whole")

    fragile = Reader(name="fragile", share=1, seeds=(b"whole",), feed=feed)
    with pytest.raises(HostileError, match=r"fragile, seed 7, input \d+, .*not whole"):
        attack(fragile, seed=7, inputs=100)


def test_the_command_tells_how_many_stood(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--inputs", "700", "--reader", "wire"]) == 0
    assert "none broke a reader" in capsys.readouterr().out
