"""What tests need, of this package and of what builds on it: small models and their batches."""
from .tiny import CODEC, INPUT_SIZE, tiny_batch, tiny_config, tiny_loader_batch

__all__ = ['CODEC', 'INPUT_SIZE', 'tiny_batch', 'tiny_config', 'tiny_loader_batch']
