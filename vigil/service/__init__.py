"""The steps of a run: load, decide, save. Flows call them and define when; the core (vigil/compliance) decides and does no I/O.

`run.Run` holds the open resources of one run. `extraction`, `evaluation`, `delivery` and `accounting` are its steps, in that order.
"""
