"""The rule language: the model, the loader with its checks, and the rules in force."""
