"""A page in the browser that translates images with trained weights: `zoo demo`, and Spaces on the Hugging Face Hub."""
