"""Training: `engine.train` is the loop, `turns` one step of it; `checkpoint` and `log` write what a resume needs.

Names no method. Importing this package alone imports no torch.
"""
