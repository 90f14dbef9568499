"""A page in the browser that shows what trained weights draw: `zoo demo`, and Spaces on the Hugging Face Hub."""
