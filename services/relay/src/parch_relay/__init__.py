"""The chat relay: connects browsers with hosts, reads nothing, keeps only a table of hosts."""
