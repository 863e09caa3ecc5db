"""The physical oracle: judges a run by plunger, wire and bus. Standard library only, nothing of what it judges."""
