"""`vigil doctor`: looks at everything that a run depends on, and says what to do. Changes nothing, tells nobody.

One module a thing that may be ill: `ecm`, `clocks`, `firebase`, `ledger`, `rules`. Prefect itself is looked at in flows/checkup.py.
"""
