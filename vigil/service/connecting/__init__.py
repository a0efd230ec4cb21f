"""Connecting a site: what can be set (`forms`), and what a second `vigil connect` leaves and changes (`changing`).

Nothing here knows Prefect. The blocks in `blocks/` are these forms, saved; the options of `vigil connect` are made from them.
"""
