"""Records as goods to exchange: checked, imported, and their form written down. Imports no torch."""
