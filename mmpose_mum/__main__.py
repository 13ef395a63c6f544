"""Run the command ``mmpose-mum`` as ``python -m mmpose_mum``."""
from .cli import main

if __name__ == '__main__':
    main()
