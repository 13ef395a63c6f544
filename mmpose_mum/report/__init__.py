"""One page of HTML that shows a run, or compares two."""
from .hook import ReportHook

__all__ = ['ReportHook']
