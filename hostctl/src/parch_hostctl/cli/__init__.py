"""The commands of `hostctl`, one file per group. A command takes an `Invocation` and its own arguments and
returns a `Result`."""
