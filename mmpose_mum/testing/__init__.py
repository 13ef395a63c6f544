"""Small semi-supervised models and batches, for tests of this package and of what builds on it."""
from .tiny import CODEC, INPUT_SIZE, tiny_batch, tiny_config, tiny_loader_batch

__all__ = ['CODEC', 'INPUT_SIZE', 'tiny_batch', 'tiny_config', 'tiny_loader_batch']
