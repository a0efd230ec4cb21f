"""A simulated year through the real flows. Plain Python computes the expected notices of each milestone.

`world` writes the year as an estate, and `rules` the rules in force at each instant. `calendar` and `reference` compute the expected
notices, and `play` runs the flows. `python -m tests.flows.year` plays every day of the year; CI plays the special days only.
"""
