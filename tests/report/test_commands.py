"""`pumpd report`, `export`, `backup` and `restore` on real files: what they write, print and refuse."""

import json
import stat
import subprocess
import sys
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pumpd.cli import main
from pumpd.records import database, reader
from pumpd.records.backup import back_up, copies, outlived, prune, restore
from pumpd.records.database import JournalError
from tests.records.runs import CONFIG
from tests.records.support import Desk, spoil
from tests.report.journals import links, story, written

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return written(tmp_path / "journal.db")


def session() -> str:
    return story().sessions[0].session


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.process
def test_the_command_line_loads_nothing_that_draws_or_exports() -> None:
    words = "import sys, pumpd.cli; print(*{'fpdf', 'PIL', 'segno', 'fhir', 'numpy'} & set(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, timeout=50, check=True)
    assert ended.stdout.strip() == ""


@pytest.mark.req("LOG-04")
def test_a_report_is_two_private_files_and_prints_the_head(
    journal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = journal.read_bytes()
    page, paper = tmp_path / "r.html", tmp_path / "r.pdf"
    assert main(["report", str(journal), "--html", str(page), "--pdf", str(paper)]) == 0
    assert f"chain head {story().head.seq}:{story().head.hash}" in capsys.readouterr().out
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert paper.read_bytes().startswith(b"%PDF-")
    assert (mode(page), mode(paper)) == (0o600, 0o600)
    assert journal.read_bytes() == before


def test_without_a_file_the_sessions_are_listed(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(journal)]) == 0
    assert f"{session()}  begun 2026-01-01T08:16:4" in capsys.readouterr().out


@pytest.mark.req("LOG-04")
def test_of_a_broken_journal_nothing_is_made_unless_it_is_asked_for(
    journal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(journal, "UPDATE record SET body = body || ' ' WHERE seq = 4000")
    page = tmp_path / "r.html"
    assert main(["report", str(journal), "--html", str(page)]) == 1
    assert "NOT AS IT WAS WRITTEN: record 4000: was changed after it was written" in capsys.readouterr().err
    assert not page.exists()
    assert main(["report", str(journal), "--html", str(page), "--broken"]) == 0
    text = page.read_text(encoding="utf-8")
    assert "BROKEN RECORD: record 4000" in text
    assert "3999:" in text


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (
            ["report", "{journal}", "--session", "s-x", "--html", "{out}"],
            "the journal holds no session s-x; it holds s-",
        ),
        (["export", "{journal}"], "say what to write"),
        (["report", "{out}", "--html", "{out}"], "there is no such file"),
        (["report", "{journal}", "--html", "{out}/no/r.html"], "cannot be written"),
        (["backup", "--to", "{out}"], "name the journals"),
        (["backup", "--to", "{out}", "--prune"], "--prune asks for --site"),
    ],
)
def test_a_wrong_call_says_what_to_do(
    journal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], complaint: str
) -> None:
    words = [word.format(journal=journal, out=tmp_path / "out") for word in arguments]
    assert main(words) == 2
    assert complaint in capsys.readouterr().err


def test_a_journal_without_a_session_has_no_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path / "j.db", links()[:3])
    assert main(["report", str(path), "--html", str(tmp_path / "r.html")]) == 2
    assert "no order was ever prepared" in capsys.readouterr().err


def test_an_export_writes_tables_and_a_bundle(journal: Path, tmp_path: Path) -> None:
    folder, bundle = tmp_path / "tables", tmp_path / "b.json"
    assert main(["export", str(journal), "--csv", str(folder), "--fhir", str(bundle)]) == 0
    assert json.loads(bundle.read_text(encoding="utf-8"))["resourceType"] == "Bundle"
    assert {mode(path) for path in folder.iterdir()} == {0o600}
    assert mode(folder) == 0o700
    assert (folder / "vitals.csv").read_bytes().count(b"\r\n") == len(story().sessions[0].signs) + 1


def test_a_copy_is_whole_and_private_and_can_be_put_back(journal: Path, tmp_path: Path) -> None:
    copy = back_up(journal, tmp_path / "copies", NOW)
    assert copy.head == reader.head(journal)
    assert mode(copy.path) == 0o600
    assert [path.name for path in (tmp_path / "copies").iterdir()] == [copy.path.name]
    assert next(iter(copies(tmp_path / "copies"))).seq == copy.head.seq
    back = restore(copy.path, tmp_path / "again.db")
    assert back.head == copy.head
    assert mode(back.path) == 0o600
    with closing(database.connect(back.path)) as connection:
        database.prepare(connection, back.path, identity=copy.identity)


def test_a_copy_taken_while_records_are_written_holds_a_beginning_of_them(tmp_path: Path) -> None:
    path = tmp_path / "busy.db"
    desk = Desk()
    journal = desk.open(path)
    ends = threading.Event()

    def write() -> None:
        number = 0
        while not ends.is_set() and number < 20_000:
            number += 1
            journal.append("fact", {"n": number}, number)
            if number % 100 == 0:
                journal.confirm(str(number))
                desk.next()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        found = [back_up(path, tmp_path / "copies", NOW + timedelta(seconds=second)) for second in range(5)]
    finally:
        ends.set()
        writer.join()
        journal.close()
    for copy in found:
        assert reader.check(path, expected=copy.head) is None
        assert reader.check(copy.path, expected=copy.head) is None
    assert found[-1].head.seq > found[0].head.seq


def test_nothing_is_put_over_a_file(journal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = back_up(journal, tmp_path / "copies", NOW)
    before = journal.read_bytes()
    assert main(["restore", str(copy.path), "--to", str(journal)]) == 1
    count = len(links())
    complaint = f"is there already with {count} records, the copy has {count}, and nothing is put over it; name another"
    assert complaint in capsys.readouterr().err
    assert journal.read_bytes() == before
    log = tmp_path / "other.db-wal"
    log.write_bytes(b"of a journal that was")
    with pytest.raises(JournalError, match=r"other\.db-wal: is there already and nothing"):
        restore(copy.path, tmp_path / "other.db")
    with pytest.raises(JournalError, match="is there already"):
        back_up(journal, tmp_path / "copies", NOW)
    assert len(list((tmp_path / "copies").iterdir())) == 1


def test_nothing_is_put_where_somebody_writes_or_where_no_folder_is(journal: Path, tmp_path: Path) -> None:
    copy = back_up(journal, tmp_path / "copies", NOW)
    path = tmp_path / "bed1.db"
    writer = Desk().open(path)
    path.rename(tmp_path / "moved.db")  # the daemon still writes it
    try:
        with pytest.raises(JournalError, match=r"another daemon \(process \d+\) writes this journal; end it first"):
            restore(copy.path, path)
        assert not path.exists()
    finally:
        writer.close()
    for left in ("-wal", "-shm"):
        path.with_name(f"{path.name}{left}").unlink(missing_ok=True)
    assert restore(copy.path, path).head == copy.head
    with pytest.raises(JournalError, match="there is no such folder; make it"):
        restore(copy.path, tmp_path / "nowhere" / "bed1.db")


@pytest.mark.parametrize(
    "spoilt", ["UPDATE record SET body = '{}' WHERE seq = 40", "DELETE FROM record WHERE seq = 40"]
)
def test_of_a_journal_that_does_not_fit_no_copy_is_made(
    journal: Path, tmp_path: Path, spoilt: str, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(journal, spoilt)
    assert main(["backup", str(journal), "--to", str(tmp_path / "copies")]) == 1
    assert "record 40" in capsys.readouterr().err
    assert list((tmp_path / "copies").iterdir()) == []


def test_only_what_a_newer_copy_holds_is_removed_and_only_when_asked(tmp_path: Path) -> None:
    folder = tmp_path / "copies"
    path = written(tmp_path / "j.db", links()[:100])
    old = back_up(path, folder, NOW - timedelta(days=40))
    (folder / "notes.txt").write_text("not ours", encoding="utf-8")
    assert prune(folder, NOW, 30) == ()  # the only copy stays, however old
    with closing(database.connect(path)) as connection:
        database.insert(connection, list(links()[100:200]))
    young = back_up(path, folder, NOW - timedelta(days=2))
    assert old.path.exists()
    assert outlived(tuple(copies(folder)), NOW, 50) == ()
    assert prune(folder, NOW, 30) == (old.path,)
    assert {each.name for each in folder.iterdir()} == {"notes.txt", young.path.name}


def test_a_copy_whose_newer_one_is_spoilt_or_another_stays(tmp_path: Path) -> None:
    folder = tmp_path / "copies"
    path = written(tmp_path / "j.db", links()[:100])
    old = back_up(path, folder, NOW - timedelta(days=40))
    young = back_up(path, folder, NOW)
    spoil(young.path, "UPDATE record SET body = '{}' WHERE seq = 50")
    assert prune(folder, NOW, 30) == ()
    assert old.path.exists()


def test_what_cannot_be_read_is_never_thrown_away(tmp_path: Path) -> None:
    folder = tmp_path / "copies"
    path = written(tmp_path / "j.db", links()[:100])
    old = back_up(path, folder, NOW - timedelta(days=40))
    back_up(path, folder, NOW)
    old.path.write_bytes(b"damaged")
    assert prune(folder, NOW, 30) == ()
    assert old.path.read_bytes() == b"damaged"


def test_pruning_asks_the_site_for_how_long(journal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    example = (CONFIG / "site.example.toml").read_text(encoding="utf-8")
    site = tmp_path / "site.toml"
    site.write_text(example, encoding="utf-8")
    words = ["backup", str(journal), "--to", str(tmp_path / "copies"), "--prune", "--site", str(site)]
    assert main(words) == 2
    assert "has no keep_backups_days; without it nothing is removed" in capsys.readouterr().err
    assert not (tmp_path / "copies").exists()
    site.write_text(example.replace("# keep_backups_days = 3650", "keep_backups_days = 30"), encoding="utf-8")
    back_up(journal, tmp_path / "copies", datetime.now(UTC) - timedelta(days=31))
    assert main(words) == 0
    assert "removed " in capsys.readouterr().out
    assert len(list((tmp_path / "copies").iterdir())) == 1
