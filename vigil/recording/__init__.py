"""Recordings: what Extended ECM answered to a run, in a folder without names, texts, logins and hosts (docs/recording.md).

`exchanges` is where the client tells what it got; `words` replaces texts, `scrub` knows where they are in a request or an answer, and
`rules` does the same for a site's rules; `folder` is the format. `vigil record` writes one, `vigil sandbox --recorded` plays it.
"""
