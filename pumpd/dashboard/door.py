"""Who is let in how often: a wrong password costs time, for the account and for the machine it came from. Pure.

A broker checks a password in the one loop that serves everybody, so guesses are slowed down before they reach it.
"""

from pumpd.core.quantities import NS_PER_S

FREE_TRIES = 3
FIRST_WAIT_NS = 5 * NS_PER_S
LONGEST_WAIT_NS = 300 * NS_PER_S
FORGOTTEN_NS = 900 * NS_PER_S
MAX_REMEMBERED = 10_000


class Door:
    """Counts wrong passwords by account and by machine."""

    def __init__(self) -> None:
        self._wrong: dict[str, tuple[int, int]] = {}

    def wait_ns(self, user: str, machine: str, now_ns: int) -> int:
        """Return how long neither this account nor this machine may try again."""
        return max(self._wait_ns(key, now_ns) for key in _keys(user, machine))

    def failed(self, user: str, machine: str, now_ns: int) -> None:
        """Note a wrong password."""
        if len(self._wrong) >= MAX_REMEMBERED:
            self._wrong = {key: kept for key, kept in self._wrong.items() if now_ns - kept[1] < FORGOTTEN_NS}
        for key in _keys(user, machine):
            count, at_ns = self._wrong.get(key, (0, now_ns))
            self._wrong[key] = (1 if now_ns - at_ns >= FORGOTTEN_NS else count + 1, now_ns)

    def passed(self, user: str, machine: str) -> None:
        """Note a right password."""
        for key in _keys(user, machine):
            self._wrong.pop(key, None)

    def _wait_ns(self, key: str, now_ns: int) -> int:
        count, at_ns = self._wrong.get(key, (0, 0))
        if count < FREE_TRIES:
            return 0
        doubled_ns = min(FIRST_WAIT_NS << min(count - FREE_TRIES, 10), LONGEST_WAIT_NS)
        return max(at_ns + doubled_ns - now_ns, 0)


def _keys(user: str, machine: str) -> tuple[str, str]:
    return f"user {user[:64]}", f"machine {machine}"
