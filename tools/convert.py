"""The command `mmpose-mum convert`, where `mim run mmpose_mum convert` looks for it."""
from mmpose_mum.cli import run_script

if __name__ == '__main__':
    run_script(__file__)
