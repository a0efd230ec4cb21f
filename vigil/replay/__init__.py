"""Drives the real flows from the command line: over a sandbox on a moving clock (`vigil run-estate`, `vigil demo`), and by hand.

It is the topmost layer, below only the command line.
"""
