-- The journal of one bed, schema version 1. This file never changes; a later version is a new file.

CREATE TABLE meta (
    id             INTEGER PRIMARY KEY CHECK (id = 1),
    journal_id     TEXT NOT NULL,
    schema_version INTEGER NOT NULL,
    bed            TEXT NOT NULL,
    created_utc    TEXT NOT NULL
) STRICT;

-- seq counts from 1 without gaps; mono_ns counts from the start of the daemon's run `boot`; body is canonical JSON;
-- hash covers the row and the hash of the row before it.
CREATE TABLE record (
    seq      INTEGER PRIMARY KEY,
    mono_ns  INTEGER NOT NULL,
    wall_utc TEXT NOT NULL,
    boot     TEXT NOT NULL,
    kind     TEXT NOT NULL,
    body     TEXT NOT NULL,
    hash     TEXT NOT NULL
) STRICT;

CREATE TRIGGER meta_is_written_once BEFORE INSERT ON meta
WHEN EXISTS (SELECT 1 FROM meta)
BEGIN SELECT RAISE(ABORT, 'a journal keeps its identity'); END;

CREATE TRIGGER meta_is_never_changed BEFORE UPDATE ON meta
BEGIN SELECT RAISE(ABORT, 'a journal keeps its identity'); END;

CREATE TRIGGER meta_is_never_deleted BEFORE DELETE ON meta
BEGIN SELECT RAISE(ABORT, 'a journal keeps its identity'); END;

-- Also refuses INSERT OR REPLACE, which deletes without asking the triggers on DELETE.
CREATE TRIGGER record_follows_the_last BEFORE INSERT ON record
WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM record)
BEGIN SELECT RAISE(ABORT, 'a record follows the last one'); END;

CREATE TRIGGER record_is_never_changed BEFORE UPDATE ON record
BEGIN SELECT RAISE(ABORT, 'a record is never changed'); END;

CREATE TRIGGER record_is_never_deleted BEFORE DELETE ON record
BEGIN SELECT RAISE(ABORT, 'a record is never deleted'); END;
