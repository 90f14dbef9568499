"""The papers' tables as TOML data; import name `zoo_tables`."""
