"""Proofs by search: hostile bytes, every reachable state, rules taken out, code altered. Not shipped."""
