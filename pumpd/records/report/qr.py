"""A text as the modules of a QR code. Knows no paper."""

import segno

QUIET_MODULES = 4
"""The white border that a reader needs: ISO/IEC 18004, quiet zone."""


def modules(text: str) -> tuple[tuple[bool, ...], ...]:
    """Return row by row which modules are dark, with the quiet zone around them."""
    code = segno.make_qr(text, error="m")
    return tuple(tuple(bool(module) for module in row) for row in code.matrix_iter(scale=1, border=QUIET_MODULES))
