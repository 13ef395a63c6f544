"""The command `mmpose-mum merge`, where `mim run mmpose_mum merge` looks for it."""
from mmpose_mum.cli import run_script

if __name__ == '__main__':
    run_script(__file__)
