"""Parts of `golden.py`, one module for each family."""
