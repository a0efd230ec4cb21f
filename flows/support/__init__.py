"""The parts that flows share: their tasks, the run they open, the states they end in, what they show and ask in Prefect."""
