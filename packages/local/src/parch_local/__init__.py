"""The whole platform on one machine: an embedded PostgreSQL, a relay and a demo host, started and stopped together."""
