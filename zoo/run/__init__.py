"""Plans a grid and executes its runs: leases, launchers, records, progress. Importing this package imports no torch."""
