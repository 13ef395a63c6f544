"""The hook writes the page, and never breaks a training that is complete."""
import shutil
from types import SimpleNamespace

from mmpose_mum.report import ReportHook


def test_the_page_of_a_run_is_written_into_its_work_dir(work_dir, log):
    ReportHook().after_train(SimpleNamespace(work_dir=str(work_dir)))
    assert (work_dir / 'report.html').is_file()
    assert ('INFO', f'wrote {work_dir / "report.html"}') in log


def test_a_page_that_cannot_be_written_is_a_warning(work_dir, log):
    shutil.rmtree(str(work_dir))
    ReportHook().after_train(SimpleNamespace(work_dir=str(work_dir)))
    (level, text), = log
    assert level == 'WARNING' and 'the report could not be written' in text
    assert f'`mmpose-mum report {work_dir}`' in text
