"""Files of weights that others made."""
