# The same, and the chosen people are typical ones instead of those that the model doubts.
_base_ = './supervised_doubt.py'

suggest_options = '--by typical'
