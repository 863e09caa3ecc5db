"""Password hashes: the form that mosquitto reads, and what a person may choose."""

import shutil
import subprocess
from pathlib import Path

import pytest

from pumpd.mqtt.passwords import CHOSEN_ITERATIONS, RANDOM_ITERATIONS, PasswordError, checked, hashed, matches


def test_a_hash_matches_its_password_and_no_other() -> None:
    text = hashed("correct horse battery", RANDOM_ITERATIONS)
    assert matches("correct horse battery", text)
    assert matches("correct horse battery", text + "\n")
    assert not matches("correct horse batterz", text)
    assert not matches("", text)
    assert hashed("correct horse battery", RANDOM_ITERATIONS) != text, "the salt must be random"


def test_a_hash_that_mosquitto_made_is_understood(tmp_path: Path) -> None:
    program = shutil.which("mosquitto_passwd")
    if program is None:
        pytest.skip("mosquitto is not installed")
    file = tmp_path / "passwords"
    file.write_text("anna:öl und Brot, 7\n", encoding="utf-8")
    file.chmod(0o600)
    subprocess.run([program, "-U", str(file)], check=True)
    name, text = file.read_text(encoding="utf-8").strip().split(":", 1)
    assert name == "anna"
    assert text.startswith("$7$101$")
    assert matches("öl und Brot, 7", text)
    assert not matches("öl und Brot, 8", text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain",
        "$6$salt$hash",
        "$7$x$AAAA$AAAA",
        "$7$0$AAAA$AAAA",
        "$7$101$not base64$AAAA",
        "$7$101$AAAA",
        f"$7${10 * CHOSEN_ITERATIONS + 1}$AAAA$AAAA",  # would stall the broker for seconds
    ],
)
def test_what_is_no_hash_matches_nothing(text: str) -> None:
    assert not matches("word", text)


@pytest.mark.parametrize(
    ("password", "complaint"),
    [
        ("short", "5 characters; it needs at least 10"),
        ("x" * 300, "more than 256 bytes"),
        ("tab\tin the middle", "cannot be printed"),
        ("my name is Anna", "holds the account's name"),
    ],
)
def test_a_bad_choice_is_refused_with_its_reason(password: str, complaint: str) -> None:
    with pytest.raises(PasswordError, match=complaint):
        checked(password, "anna")


def test_a_good_choice_is_taken_as_it_is() -> None:
    assert checked("Öl und Brot, 7", "anna") == "Öl und Brot, 7"
