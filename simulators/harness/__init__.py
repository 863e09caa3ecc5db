"""Clock, bed, throw-away site, scripted nurses, demonstration: the only part of the simulators that imports pumpd."""
