"""The estate at an instant, moved forward event by event."""
