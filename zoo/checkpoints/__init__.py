"""Files of weights from other programs: inspected without executing them, and converted to zoo's. Imports no torch."""
