"""Grids of cells: planned, run as processes, recorded, shown. The parent process imports no torch."""
