"""A work dir stands for its last checkpoint, wherever it has moved."""
import pytest

from mmpose_mum.checkpoint.last import find_checkpoint


def test_a_work_dir_stands_for_its_last_checkpoint(tmp_path):
    own, elsewhere = tmp_path / 'run' / 'iter_20.pth', tmp_path / 'iter_10.pth'
    own.parent.mkdir()
    for path in (own, elsewhere):
        path.touch()
    last = own.parent / 'last_checkpoint'
    last.write_text('/where/it/was/iter_20.pth\n')
    assert find_checkpoint(own.parent) == find_checkpoint(own) == own
    last.write_text(str(elsewhere))
    assert find_checkpoint(own.parent) == elsewhere
    other = tmp_path / 'another_run' / 'iter_20.pth'  # where this work dir was before it moved
    other.parent.mkdir()
    other.touch()
    last.write_text(str(other))
    assert find_checkpoint(own.parent) == own


@pytest.mark.parametrize('text, why', [
    (None, 'neither a checkpoint nor a work dir'),
    ('/where/it/was/iter_20.pth', 'last_checkpoint names /where/.*iter_20.pth, which does not '
     'exist')])
def test_what_has_no_checkpoint_is_refused(text, why, tmp_path):
    if text:
        (tmp_path / 'last_checkpoint').write_text(text)
    with pytest.raises(ValueError, match=why):
        find_checkpoint(tmp_path)
