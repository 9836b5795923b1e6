"""How a Parch process lives: settings, logging, metrics, traces, probes, drain, PostgreSQL, migrations, limits."""
