"""The record of a bed: canonical text, hash chain, SQLite journal, reader. Knows nothing of pumps, vitals or rules."""
