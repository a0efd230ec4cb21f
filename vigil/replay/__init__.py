"""Drives the real flows over a sandbox on a moving clock: `vigil run-estate` and `vigil demo`.

Above everything else, and imported by the command line alone.
"""
