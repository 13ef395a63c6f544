"""A plain config for four keypoints of one's own, to train or to convert."""

_base_ = 'mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py'

# Number, name and mirror image of each keypoint, in the order of the json's category.
color = [0, 255, 0]
metainfo = dict(
    dataset_name='mouse',
    paper_info=dict(),
    keypoint_info={
        0: dict(name='nose', id=0, color=color, type='', swap=''),
        1: dict(name='left_ear', id=1, color=color, type='', swap='right_ear'),
        2: dict(name='right_ear', id=2, color=color, type='', swap='left_ear'),
        3: dict(name='tail', id=3, color=color, type='', swap=''),
    },
    skeleton_info={},
    joint_weights=[1.] * 4,
    sigmas=[0.05] * 4)

model = dict(head=dict(out_channels=4))
train_dataloader = dict(dataset=dict(metainfo=metainfo))
val_dataloader = dict(dataset=dict(metainfo=metainfo, bbox_file=None))
test_dataloader = val_dataloader
val_evaluator = dict(_delete_=True, type='PCKAccuracy', thr=0.1, norm_item='bbox')
test_evaluator = val_evaluator
default_hooks = dict(checkpoint=dict(save_best='PCK', rule='greater'))
