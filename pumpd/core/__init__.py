"""The pure core: events and `now_ns` in, effects and the next deadline out. No input or output, no clock, no log."""
