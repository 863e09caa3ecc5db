"""The record of a clinic for the pictures: one course in its follow-up, one that waits for a signature."""

from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pumpd.clinic.entries import CourseOpened, OverrideAsked
from pumpd.clinic.store import Store
from pumpd.core.course_words import Gate, Indication, Meeting
from tests.clinic.support import Clinic

FOLLOWED = "c-0a1b2c3d4e5f"
FOLLOWED_SINCE_DAYS = 130
TOTALS = (24, 19, 14)
"""Between the infusions and after the last; the first is that of every course ready for its first infusion."""
LATER = ((30, 12), (90, 11))
"""Days after the last infusion, and the total."""


def keep_record(path: Path) -> None:
    """Write the file."""
    now = datetime.now(UTC)
    followed = Clinic(now=now - timedelta(days=FOLLOWED_SINCE_DAYS), course=FOLLOWED)
    followed.begin()
    for number, total in enumerate(TOTALS, start=1):
        followed.treat(str(number))
        followed.wait(days=4)
        followed.meet(Meeting.MOOD_CHECK, days_ago=3)
        followed.meet(Meeting.INTEGRATION, days_ago=2)
        followed.score(total)
    last = followed.now - timedelta(days=4)
    for days, total in LATER:
        followed.now = last + timedelta(days=days)
        followed.score(total, reviewed=days < LATER[-1][0])
    begun = Clinic(now=now - timedelta(days=3), course="c-1f0c9d22a7b4")
    begun.ask("anna", CourseOpened(indication=Indication.ALCOHOL_USE))
    begun.gate(Gate.SCREENING)
    begun.gate(Gate.CONSULTATION)
    begun.meet(Meeting.PREPARATORY, days_ago=1)
    begun.now = now
    begun.ask("anna", OverrideAsked(item="preparation", reason="leaves the country on Friday"))
    with closing(Store(path, wall=lambda: now.isoformat())) as store:
        for number, clinic in enumerate((followed, begun)):
            for entry in clinic.see().entries:
                store.append(replace(entry, command_id=f"{number}-{entry.command_id}"))
