# Half of the labels are drawn, and `mmpose-mum suggest` has chosen the others by the model that
# those of the first half have trained. The rival has as many labels, all drawn.
_base_ = '../supervised.py'

suggested_by = 'supervised'
