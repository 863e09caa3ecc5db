"""What follows the infusion: where the drug went, what was attested, and how the patient left. Pure; judges nothing."""

from pumpd.core.commands import Close
from pumpd.core.session import SessionRecord
from pumpd.records.summary.model import DrugAccount, Leaving, Seen
from pumpd.records.summary.turns import Turn


class Discharge:
    """Takes a session's records in their order."""

    def __init__(self) -> None:
        self.account: DrugAccount | None = None
        self.attested: tuple[Seen, ...] = ()
        self.leaving: Leaving | None = None

    def take(self, record: SessionRecord, at_wall_ns: int) -> None:
        """Take one record of the session."""
        counted, before = record.account, self.account
        if counted is None:
            self.account = None
        elif before is None or before.counted != counted:
            is_same = before is not None and before.counted.hash == counted.hash
            self.account = DrugAccount(
                counted=counted,
                counted_wall_ns=before.counted_wall_ns if before is not None and is_same else at_wall_ns,
                witnessed_wall_ns=None if counted.witness is None else at_wall_ns,
            )
        known = {(each.item, each.by): each for each in self.attested}
        self.attested = tuple(
            known.get((each.item, each.by)) or Seen(item=each.item, by=each.by, at_wall_ns=at_wall_ns)
            for each in record.for_discharge
        )

    def signed(self, turn: Turn, wish: Close, by: str) -> None:
        """Take the signature that closed the session."""
        self.leaving = Leaving(
            at_wall_ns=turn.at_wall_ns,
            by=by,
            transfer_reason=wish.transfer_reason.strip(),
            handover=next(turn.decided("handover"), ""),
        )
