"""Replays an estate: the real flows over the sandbox on a moving clock (`vigil run-estate`, `vigil demo`)."""
