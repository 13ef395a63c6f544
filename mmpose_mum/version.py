"""The package's version, which setuptools reads without importing PyTorch."""

__version__ = '0.1.0'
