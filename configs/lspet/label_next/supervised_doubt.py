# Half of the labels are drawn, and `mmpose-mum suggest` has chosen the others by the model that
# those of the first half have trained: people whom it doubts. It is compared with `supervised.py`
# on as many labels, all drawn.
_base_ = '../supervised.py'

suggested_by = 'supervised'
suggest_options = '--by doubt'
