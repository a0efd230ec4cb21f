"""The people: their devices and mailboxes, preferences, topics and accounts."""
