"""A cohort of simulated patients under one profile: what each limit would have done. Needs numpy, and no daemon."""
