"""When nobody had confirmed presence at the bedside for too long, judged by what the bus carried."""

from collections.abc import Iterator, Sequence

from simulators.oracle.observation import Kind, Receipt, Received, Word
from simulators.oracle.signs import Need


def absences(
    received: Sequence[Received], receipts: Sequence[Receipt], *, from_ns: int, until_ns: int, within_ns: int
) -> Iterator[Need]:
    """Yield every stretch for which nobody had confirmed presence within the last `within_ns`.

    A confirmation counts from when the daemon took it on; `from_ns` is when anybody could first.
    """
    ids = {each.id for each in received if each.kind is Kind.PRESENCE}
    taken: dict[str, int] = {}
    for receipt in receipts:
        if receipt.id in ids and receipt.word is not Word.REFUSED:
            taken.setdefault(receipt.id, receipt.at_ns)
    since_ns = from_ns
    for at_ns in [*sorted(taken.values()), until_ns]:
        if since_ns + within_ns < at_ns:
            yield Need(from_ns=since_ns + within_ns, until_ns=at_ns, cause="nobody at the bedside")
        since_ns = at_ns
