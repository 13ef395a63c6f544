"""The command `mmpose-mum publish`, where `mim run mmpose_mum publish` looks for it."""
from mmpose_mum.cli import run_script

if __name__ == '__main__':
    run_script(__file__)
