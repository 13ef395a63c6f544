"""Test by MMPose's own script, with its arguments: ``python tools/test.py CONFIG …``."""
import runpy

from mmpose_mum.engine.cpu_launch import TRAIN

if __name__ == '__main__':
    runpy.run_path(str(TRAIN.with_name('test.py')), run_name='__main__')
