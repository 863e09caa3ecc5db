"""`pumpd backup` and `restore` on the clinic's record: while it is written, put back, and what is refused."""

import stat
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pumpd.cli import main
from pumpd.clinic.course import Register
from pumpd.clinic.store import Store
from pumpd.core.modes import Mode
from pumpd.core.phase import SessionPhase
from pumpd.records import database, reader
from pumpd.records.backup import back_up, prune, restore
from pumpd.records.database import Identity, JournalError
from tests.clinic.support import COURSE
from tests.clinic.test_desk import AT, Lobby, begun, day, delivery, state
from tests.clinic.test_store import entries, opened
from tests.records.support import WAIT_S, spoil

NOW = datetime(2026, 3, 2, 22, tzinfo=UTC)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def filled(path: Path, count: int | None = None) -> Path:
    with closing(opened(path)) as store:
        for entry in entries()[:count]:
            store.append(entry)
    return path


@pytest.mark.req("LOG-04", "CMD-05")
def test_copies_taken_while_the_desk_answers_hold_all_that_was_answered_before(tmp_path: Path) -> None:
    path, folder = tmp_path / "clinic.db", tmp_path / "copies"
    ends, goes_on = threading.Event(), threading.Semaphore(0)
    answered: list[str] = []
    with closing(Store(path, wall=lambda: AT)) as store:
        lobby = Lobby(store)

        def ask() -> None:
            while not ends.is_set() and len(answered) < 2_000:
                course = f"c-{len(answered):08x}"
                lobby.must("anna", "new", course=course, indication="depression")
                answered.append(course)
                goes_on.release()

        people = threading.Thread(target=ask)
        people.start()
        try:
            copies = []
            for second in range(5):
                assert goes_on.acquire(timeout=WAIT_S)
                before = tuple(answered)
                copies.append((before, back_up(path, folder, NOW + timedelta(seconds=second))))
        finally:
            ends.set()
            people.join()
        whole = tuple(store.register.courses)
    assert len(whole) == len(answered), "nobody was refused for a copy's sake"
    for before, copy in copies:
        assert mode(copy.path) == 0o600
        assert copy.identity.bed == "clinic"
        assert reader.check(copy.path) is None
        assert reader.check(path, expected=copy.head) is None
        with closing(opened(copy.path)) as store:
            assert tuple(store.register.courses) == whole[: copy.head.seq]
            assert set(before) <= set(store.register.courses)
    assert copies[-1][1].head.seq >= 5


@pytest.mark.req("LOG-04")
def test_a_copy_is_put_back_and_the_desk_goes_on_from_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, folder, back = tmp_path / "clinic.db", tmp_path / "copies", tmp_path / "new" / "clinic.db"
    with closing(Store(path, wall=lambda: AT)) as store:
        lobby = Lobby(store)
        begun(lobby)
        day(lobby)
        lobby.must("pia", "clear", bed="bed1")
        cleared, register = lobby.cleared("bed1"), store.register
        assert main(["backup", str(path), "--to", str(folder)]) == 0
        assert f"of clinic, whole, head {store.head.seq}:{store.head.hash}" in capsys.readouterr().out
    (copy,) = folder.iterdir()
    assert copy.name.startswith("clinic.")
    back.parent.mkdir()
    assert main(["restore", str(copy), "--to", str(back)]) == 0
    assert mode(back) == 0o600
    assert main(["verify", str(back)]) == 0
    with closing(Store(back, wall=lambda: AT)) as store:
        assert store.register == register
        again = Lobby(store)
        assert again.cleared("bed1") == cleared
        assert again.must("anna", "withdraw").reason == "recorded"


@pytest.mark.req("CLIN-10")
def test_what_was_infused_since_the_copy_is_told_again_by_its_bed(tmp_path: Path) -> None:
    path = tmp_path / "clinic.db"
    with closing(Store(path, wall=lambda: AT)) as store:
        lobby = Lobby(store)
        begun(lobby)
        day(lobby)
        lobby.must("pia", "clear", bed="bed1")
        copy = back_up(path, tmp_path / "copies", NOW)
        closed = state(
            lobby,
            lobby.cleared("bed1"),
            Mode.COMPLETED,
            phase=SessionPhase.CLOSED,
            delivery=delivery("34.98", "35"),
        )
        lobby.hear(closed)
        given_ng = store.register.courses[COURSE].given_ng
        assert given_ng == (34_980_000, 35_000_000)
    back = restore(copy.path, tmp_path / "back.db").path
    with closing(Store(back, wall=lambda: AT)) as store:
        again = Lobby(store, now=lobby.now)
        assert not store.register.courses[COURSE].infusions
        again.hear(closed)
        assert store.register.courses[COURSE].given_ng == given_ng
        assert again.cleared("bed1") is None, "it is used up"


@pytest.mark.req("LOG-04")
def test_nothing_is_put_over_a_record_that_is_longer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = filled(tmp_path / "clinic.db", 8)
    copy = back_up(path, tmp_path / "copies", NOW)
    with closing(opened(path)) as store:
        for entry in entries()[8:11]:
            store.append(entry)
    before = path.read_bytes()
    assert main(["restore", str(copy.path), "--to", str(path)]) == 1
    assert (
        f"{path}: is there already with 11 records, the copy has 8, and nothing is put over it; name another file"
        in capsys.readouterr().err
    )
    assert path.read_bytes() == before


@pytest.mark.req("LOG-04")
def test_a_chain_that_does_not_fit_is_neither_copied_nor_put_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, folder = filled(tmp_path / "clinic.db"), tmp_path / "copies"
    copy = back_up(path, folder, NOW)
    for each in (path, copy.path):
        spoil(
            each, "UPDATE record SET body = replace(body, '\"total\":30', '\"total\":10') WHERE kind = 'ScoreEntered'"
        )
    assert main(["backup", str(path), "--to", str(folder)]) == 1
    assert "was changed after it was written" in capsys.readouterr().err
    assert [each.name for each in folder.iterdir()] == [copy.path.name]
    back = tmp_path / "back.db"
    assert main(["restore", str(copy.path), "--to", str(back)]) == 1
    assert "was changed after it was written" in capsys.readouterr().err
    assert not back.exists()


def test_a_bed_s_copy_that_is_put_in_the_clinic_s_place_opens_no_clinic(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bed = tmp_path / "bed1.db"
    with closing(database.connect(bed)) as connection:
        database.prepare(connection, bed, identity=Identity(journal_id="x", bed="bed1", created_utc=AT))
    copy = back_up(bed, tmp_path / "copies", NOW)
    path = tmp_path / "clinic.db"
    assert main(["restore", str(copy.path), "--to", str(path)]) == 0
    assert f"{path}: of bed1, whole" in capsys.readouterr().out
    with pytest.raises(JournalError, match="this is the journal of bed 'bed1', not of 'clinic'"):
        opened(path)


def test_copies_of_the_clinic_live_as_long_as_those_of_a_bed_beside_them(tmp_path: Path) -> None:
    folder = tmp_path / "copies"
    path = filled(tmp_path / "clinic.db", 5)
    bed = tmp_path / "bed1.db"
    with closing(database.connect(bed)) as connection:
        database.prepare(connection, bed, identity=Identity(journal_id="x", bed="bed1", created_utc=AT))
    old = back_up(path, folder, NOW - timedelta(days=40))
    only = back_up(bed, folder, NOW - timedelta(days=40))
    assert prune(folder, NOW, 30) == (), "neither has a newer one"
    with closing(opened(path)) as store:
        store.append(entries()[5])
    young = back_up(path, folder, NOW)
    assert prune(folder, NOW, 30) == (old.path,)
    assert {each.name for each in folder.iterdir()} == {only.path.name, young.path.name}


def test_an_empty_clinic_has_a_copy_too(tmp_path: Path) -> None:
    path = filled(tmp_path / "clinic.db", 0)
    back = restore(back_up(path, tmp_path / "copies", NOW).path, tmp_path / "back.db")
    with closing(opened(back.path)) as store:
        assert store.register == Register()
