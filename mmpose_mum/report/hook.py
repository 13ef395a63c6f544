"""The hook that writes the report of a run at the end of its training."""
import logging

from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmpose.registry import HOOKS


@HOOKS.register_module()
class ReportHook(Hook):
    """Write ``report.html`` into the work dir when the training ends.

    It is the page of ``mmpose-mum report WORK_DIR``. The first process writes it, from what is in
    the work dir, so it shows the last checkpoint and not the weights in memory. A page that cannot
    be written is a warning in the log: the training is complete all the same.
    """

    priority = 'LOWEST'  # after the checkpoint, and after what other hooks read out at the end

    @master_only
    def after_train(self, runner) -> None:
        """Write the page."""
        from .write import write_report  # it imports what only a page needs
        try:
            written = write_report([runner.work_dir])
        except Exception as error:  # whatever it is, it must not break a training that is complete
            print_log(f'the report could not be written: {error!r}. The training is complete; try '
                      f'`mmpose-mum report {runner.work_dir}`', 'current', logging.WARNING)
        else:
            print_log(f'wrote {written.path}', 'current')
