"""What travels between the bedside daemon, the broker and people: payloads, topics, sessions. Nothing here judges."""
