"""A course as the fold of its entries, and what can be read off it. Pure; knows no rule of the clinic."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TypeVar

from pumpd.clinic.entries import (
    Cleared,
    CourseOpened,
    Entry,
    PatientAssigned,
    ScoreEntered,
    SessionNoted,
    What,
    Withdrawn,
    subject_of,
)
from pumpd.core.clearance import Clearance
from pumpd.core.course_words import Indication

T = TypeVar("T", bound=What)


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """One course of treatment: all its entries, the oldest first. Its revision is their number."""

    id: str
    indication: Indication
    entries: tuple[Entry, ...]

    @property
    def revision(self) -> int:
        """What a command quotes to say on which state it was decided."""
        return len(self.entries)

    def said(self, kind: type[T]) -> Iterator[tuple[Entry, T]]:
        """Yield the entries of one kind, the newest first."""
        for entry in reversed(self.entries):
            if isinstance(entry.what, kind):
                yield entry, entry.what

    @property
    def patient_code(self) -> str | None:
        """The clinic's pseudonym of the patient."""
        return next((what.patient_code for _, what in self.said(PatientAssigned)), None)

    @property
    def sessions(self) -> tuple[tuple[Entry, SessionNoted], ...]:
        """The last note of each session, with the entry that first told of drug if there is one, the oldest first."""
        first: dict[str, Entry] = {}
        last: dict[str, SessionNoted] = {}
        for entry in self.entries:
            if isinstance(entry.what, SessionNoted):
                known = first.get(entry.what.session)
                if known is None or not _begun(known):
                    first[entry.what.session] = entry
                last[entry.what.session] = entry.what
        return tuple((first[session], note) for session, note in last.items())

    @property
    def infusions(self) -> tuple[tuple[Entry, SessionNoted], ...]:
        """The sessions in which drug flowed or may have; the entry tells when that was first known."""
        return tuple((entry, note) for entry, note in self.sessions if note.begun)

    @property
    def open_session(self) -> SessionNoted | None:
        """The session that no bed has closed yet."""
        return next((note for _, note in self.sessions if not note.closed), None)

    @property
    def given_ng(self) -> tuple[int, int]:
        """What all infusions gave: the truth lies between."""
        return sum(note.low_ng for _, note in self.infusions), sum(note.high_ng for _, note in self.infusions)

    @property
    def scores(self) -> tuple[tuple[Entry, ScoreEntered], ...]:
        """The scores by their day; of one day the last that was entered."""
        found = {what.on: (entry, what) for entry, what in reversed(tuple(self.said(ScoreEntered)))}
        return tuple(found[on] for on in sorted(found))

    def clearance(self, now_ns: int) -> Clearance | None:
        """Return the clearance that stands at `now_ns`: neither taken back, nor out of time, nor used up."""
        given = next((what.clearance for _, what in self.said(Cleared)), None)
        if given is None or now_ns >= given.expires_wall_ns:
            return None
        taken_back = any(what.hash == given.hash for _, what in self.said(Withdrawn))
        used_up = any(
            note.over and (note.clearance_hash == given.hash or entry.at_ns >= given.issued_wall_ns)
            for entry, note in self.infusions
        )
        return None if taken_back or used_up else given

    def changed_since(self, revision: int, subject: str) -> Entry | None:
        """Return the newest entry on `subject` after `revision`."""
        later = self.entries[revision:]
        return next((entry for entry in reversed(later) if subject_of(entry.what) == subject), None)


def _begun(entry: Entry) -> bool:
    return isinstance(entry.what, SessionNoted) and entry.what.begun


def day(text: str) -> date:
    """Return the day that an entry names."""
    return date.fromisoformat(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """All courses of a clinic, and the commands that have acted."""

    courses: Mapping[str, Course] = field(default_factory=dict)
    command_ids: frozenset[str] = frozenset()

    def after(self, entry: Entry) -> "Register":
        """Return the register after one more entry; raises `ValueError` where it follows none."""
        known = self.courses.get(entry.course)
        if isinstance(entry.what, CourseOpened):
            if known is not None:
                raise ValueError(f"course {entry.course} begins twice")
            known = Course(id=entry.course, indication=entry.what.indication, entries=())
        if known is None:
            raise ValueError(f"an entry of course {entry.course}, which never began")
        course = replace(known, entries=(*known.entries, entry))
        return Register(courses={**self.courses, course.id: course}, command_ids=self.command_ids | {entry.command_id})

    def of_patient(self, code: str) -> Course | None:
        """Return the course of a patient."""
        return next((course for course in self.courses.values() if course.patient_code == code), None)

    def of_clearance(self, bed: str, now_ns: int) -> Clearance | None:
        """Return the clearance that stands for `bed`."""
        found = (course.clearance(now_ns) for course in self.courses.values())
        return next((each for each in found if each is not None and each.bed == bed), None)
