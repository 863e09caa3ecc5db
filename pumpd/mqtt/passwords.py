"""Password hashes in the form that mosquitto reads, so that one line serves either broker.

A line is `name:$7$ITERATIONS$SALT$HASH`: PBKDF2 with SHA-512, salt and hash in base64 (mosquitto 2.0,
`lib/password_mosq` and the manual page of `mosquitto_passwd`). Checked against the program itself in the tests.
"""

import base64
import binascii
import hashlib
import hmac
import secrets

RANDOM_ITERATIONS = 101
"""mosquitto's own default: enough for a password of 256 random bits, and a log-in stalls nobody."""
CHOSEN_ITERATIONS = 20_000
"""For a password that a person chose; takes some 10 ms, in which either broker serves nobody else."""
LEAST_CHARACTERS = 10
MOST_BYTES = 256
_SALT_BYTES = 12
_KEY_BYTES = 64
_KIND = "7"


class PasswordError(ValueError):
    """A password that may not be used; the message says why and what would do."""


def hashed(password: str, iterations: int, *, salt: bytes | None = None) -> str:
    """Return the hash of `password` as mosquitto writes it; `salt` is random where none is given."""
    salt = secrets.token_bytes(_SALT_BYTES) if salt is None else salt
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, iterations, _KEY_BYTES)
    return f"${_KIND}${iterations}${_text(salt)}${_text(key)}"


def matches(password: str, text: str) -> bool:
    """Say whether `password` has the hash `text`; a text that is no such hash matches nothing."""
    try:
        empty, kind, iterations, salt, key = text.strip().split("$")
        if (empty, kind) != ("", _KIND) or not 1 <= int(iterations) <= 10 * CHOSEN_ITERATIONS:
            return False
        expected = hashed(password, int(iterations), salt=base64.b64decode(salt, validate=True))
    except (ValueError, binascii.Error):
        return False
    return hmac.compare_digest(expected.rsplit("$", 1)[1], key)


def checked(password: str, account: str) -> str:
    """Return a password that a person chose for `account`, or raise `PasswordError`."""
    if len(password) < LEAST_CHARACTERS:
        raise PasswordError(f"the password has {len(password)} characters; it needs at least {LEAST_CHARACTERS}")
    if len(password.encode()) > MOST_BYTES:
        raise PasswordError(f"the password has more than {MOST_BYTES} bytes")
    if not password.isprintable():
        raise PasswordError("the password has characters that cannot be printed; use letters, digits, signs and spaces")
    if account.lower() in password.lower():
        raise PasswordError("the password holds the account's name; choose another")
    return password


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
