"""Files of weights that others made: what they hold, told without executing them, and what zoo makes of them. No torch."""
