# The same with typical people instead of doubted ones.
_base_ = './supervised_doubt.py'

suggest_options = '--by typical'
