"""What commands need to run a flow: the Prefect API, and the outcome of a run."""
