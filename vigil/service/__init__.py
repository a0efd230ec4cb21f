"""What a run does, step by step: load, decide, save. Flows call these and know when; the core below decides and knows nothing of I/O.

`run.Run` holds what one run has open. `extraction`, `judgement`, `sending` and `accounting` are its steps, in that order.
"""
