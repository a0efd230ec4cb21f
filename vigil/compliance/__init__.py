"""The pure core: facts, rules, evaluation, calendar, routing, notices. No I/O, no clock, no Prefect."""
