"""The Prefect flows, one file each, and their shared modules. An import of this package installs redaction and short error logs."""

from flows.support.tracebacks import take_out
from vigil import logs

logs.guard()
take_out()
