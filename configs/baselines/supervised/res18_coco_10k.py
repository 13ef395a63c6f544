# The same on 10,000 people.
_base_ = './res18_coco_5k.py'

train_dataloader = dict(dataset=dict(
    ann_file='annotations/semi_anns/person_keypoints_train2017.sshpe@10000.json'))
