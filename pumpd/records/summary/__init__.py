"""What a journal tells of each session, folded from its verified records. Pure: no file, no clock, no drawing."""
