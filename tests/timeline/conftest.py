"""Lets the tests import what they share by its short name, whatever the order in which folders are collected."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
