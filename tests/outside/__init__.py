"""The outside checker: does everybody hear what happened, once, whatever fails?

It writes estates, lets things happen in them, disturbs everything, and looks at nothing but what the sandbox's devices show. It
speaks HTTP to the sandbox, runs the `vigil` command, and imports nothing of Vigil: what should be told it works out by itself.
`python -m tests.outside --help`.
"""
