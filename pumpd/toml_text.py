"""TOML that somebody wrote: one way to read it, and one error for whatever keeps it from being read. Knows no key."""

import tomllib
from decimal import Decimal


class TomlError(ValueError):
    """Bytes that are no TOML; the message says why."""


def members(raw: bytes) -> dict[str, object]:
    """Return what `raw` holds, its numbers exact, or raise `TomlError`.

    The reader of the standard library also raises for brackets without end and for a number of thousands of digits.
    """
    try:
        return tomllib.loads(raw.decode("utf-8"), parse_float=Decimal)
    except UnicodeDecodeError as error:
        raise TomlError(f"not UTF-8 text ({error.reason} at byte {error.start})") from None
    except ValueError as error:
        raise TomlError(str(error)) from None
    except RecursionError:
        raise TomlError("nested too deeply") from None
