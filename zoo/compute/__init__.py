"""How a training step or a translation is executed: memory layout, precision, compilation, CUDA graphs."""
