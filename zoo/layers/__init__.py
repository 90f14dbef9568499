"""Blocks that several plugins share, a module each. This module and `zoo.layers.kinds` import no torch."""
