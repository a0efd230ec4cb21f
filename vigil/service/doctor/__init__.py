"""`vigil doctor`: checks everything that a run depends on, and suggests what to do. It changes nothing and notifies nobody.

Each module checks one system: `ecm`, `clocks`, `firebase`, `ledger`, `rules`. flows/support/doctor.py checks Prefect itself.
"""
