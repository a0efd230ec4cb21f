"""Timeline tests: what happens to a workspace, and which notices each person must then have on the device. See docs/timelines.md.

`load` reads the files, `state` has the current facts, `ledger_player` runs the real pipeline over them (evaluation, ledger, templates,
messages, virtual devices; no HTTP, no Prefect), `compare` finds the differences. `coverage` and `mutate` measure how much the
timelines detect. `command` is `vigil test`.
"""
