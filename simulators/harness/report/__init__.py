"""What a campaign found, for programs, for the screen and for the documents."""
