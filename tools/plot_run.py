"""The old name of `mmpose-mum plot`; mmpose_mum 0.2 removes it."""
from mmpose_mum.cli import run_script

if __name__ == '__main__':
    run_script(__file__)
