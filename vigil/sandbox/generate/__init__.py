"""Generates estates from a seed."""
