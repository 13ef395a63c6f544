# Half of the labels are drawn, and `mmpose-mum suggest` has chosen the others by the model that
# those of the first half have trained. Here they are
# people whom it doubts. `supervised.py` with as many labels, all drawn, is what it is compared with.
_base_ = '../supervised.py'

suggested_by = 'supervised'
suggest_options = '--by doubt'
