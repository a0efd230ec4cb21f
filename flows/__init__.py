"""When things happen: one file a flow, and what they share. Whatever is imported of it logs in sentences, and without secrets."""

from flows.tracebacks import take_out
from vigil import logs

logs.guard()
take_out()
