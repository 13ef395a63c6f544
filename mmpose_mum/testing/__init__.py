"""Small models and their batches, for tests here and in packages that build on this one."""
from .tiny import CODEC, INPUT_SIZE, tiny_batch, tiny_config, tiny_loader_batch

__all__ = ['CODEC', 'INPUT_SIZE', 'tiny_batch', 'tiny_config', 'tiny_loader_batch']
