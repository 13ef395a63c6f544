"""Train by MMPose's own script, with its arguments: ``python tools/train.py CONFIG …``."""
import runpy

from mmpose_mum.engine.cpu_launch import TRAIN

if __name__ == '__main__':
    runpy.run_path(str(TRAIN.with_name('train.py')), run_name='__main__')
