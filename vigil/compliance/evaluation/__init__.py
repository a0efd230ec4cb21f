"""Facts, rules and an instant in; findings and the states of rules out."""
