"""A simulated year through the real flows, and what each of its milestones must become, worked out in plain Python.

`world` writes the year as an estate, `rules` the rules as they stand at each instant, `calendar` and `reference` say what must come of
it, `play` lets it happen. `python -m tests.flows.year` plays every day of it; CI plays the days that are special.
"""
