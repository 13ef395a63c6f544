"""Configs of MMPose's to convert, and what the tests look at in the converted ones."""
import warnings

from mmengine.config import Config

from mmpose_mum import semi_supervised
from mmpose_mum.convert.writer import find_shipped_config
from mmpose_mum.datasets.short_form import sources_of

BODY = 'mmpose::body_2d_keypoint/'
RES50 = BODY + 'topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py'
RTMPOSE = BODY + 'rtmpose/coco/rtmpose-s_8xb256-420e_coco-256x192.py'
COMBINED = BODY + 'rtmpose/body8/rtmpose-t_8xb256-420e_body8-256x192.py'
VIT = BODY + 'topdown_heatmap/humanart/td-hm_ViTPose-large_8xb64-210e_humanart-256x192.py'
KINDS = [
    RES50, RTMPOSE, COMBINED, VIT,
    BODY + 'topdown_heatmap/coco/td-hm_mspn50_8xb32-210e_coco-256x192.py',
    BODY + 'topdown_regression/mpii/td-reg_res50_8xb64-210e_mpii-256x256.py',
    'mmpose::hand_3d_keypoint/internet/interhand3d/internet_res50_4xb16-20e_interhand3d-256x256.py',
    'mmpose::fashion_2d_keypoint/topdown_heatmap/deepfashion/'
    'td-hm_res50_8xb64-210e_deepfashion_upper-256x192.py',
]


def load(name):
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        return Config.fromfile(find_shipped_config(name))


def convert(cfg, **options):
    cfg = load(cfg) if isinstance(cfg, str) else cfg
    return semi_supervised(cfg, **{'unlabeled': 'images', 'sites': ['input'], **options})


def labeled(cfg):
    return sources_of(cfg.train_dataloader.dataset)[0]


def unlabeled(cfg):
    return sources_of(cfg.train_dataloader.dataset)[1]


def sup(dataset):
    branch, = dataset.pipeline
    assert branch.type == 'PoseMultiBranch'
    return branch.sup
