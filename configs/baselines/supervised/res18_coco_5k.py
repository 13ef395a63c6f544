# The same on 5,000 people.
_base_ = './res18_coco_1k.py'

train_cfg = dict(max_iters=_base_.semi_5k.max_iters)
param_scheduler = [_base_.semi_5k.steps]
train_dataloader = dict(dataset=dict(
    ann_file='annotations/semi_anns/person_keypoints_train2017.sshpe@5000.json'))
