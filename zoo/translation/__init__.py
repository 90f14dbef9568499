"""From a model folder to translated images: the translator that `zoo.load` returns, inputs, outputs, tiles, video, export."""
