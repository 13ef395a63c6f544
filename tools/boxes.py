"""The command `mmpose-mum boxes`, where `mim run mmpose_mum boxes` looks for it."""
from mmpose_mum.cli import run_script

if __name__ == '__main__':
    run_script(__file__)
