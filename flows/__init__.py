"""When things happen: one file a flow, and what they share. Whatever of it is imported, in whatever process, logs in sentences."""

from flows.tracebacks import take_out

take_out()
