"""Weft's demonstration model: a very small text-to-image model with the topology of Stable Diffusion 1.x.

Everything is made here: the pictures (drawn by `draw/`), their captions, the tokenizer, the three networks,
the adapters and the files that Weft ships. See README.md.
"""
