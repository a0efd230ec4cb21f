"""Timeline tests: what happens to a workspace, and what each person must have on the device after it. See docs/timelines.md.

`load` reads the files, `world` holds the facts as they stand, `play` runs the real pipeline over them (evaluation, ledger,
templates, messages, virtual devices; no HTTP, no Prefect), `compare` says what is wrong. `coverage` and `mutate` say how much the
timelines would notice. `command` is `vigil test`.
"""
