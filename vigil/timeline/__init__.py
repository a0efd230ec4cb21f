"""Timelines: tests that describe what happens to a workspace and which notices each person must then have. See docs/timelines.md.

`load` reads the files, and `state` has the current facts. `memory_player` plays a timeline in memory. `ledger_player` plays it with
the real run: evaluation, ledger, templates, messages and virtual devices, without HTTP and Prefect. `compare` finds the differences.
`coverage` and `mutate` measure how much the timelines detect. `command` is `vigil test`.
"""
