"""The old name of `mmpose-mum split`; it goes in the next release."""
from mmpose_mum.cli import run_script

if __name__ == '__main__':
    run_script(__file__)
