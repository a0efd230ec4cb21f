"""From findings to people: routing, digests, guards."""
