"""The language of faults: what can go wrong, when and for how long; written, read, drawn. Applies nothing itself."""
