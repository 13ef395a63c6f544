"""The tool that writes pseudo labels: its files, what it says, and its errors."""
import json
import resource

import pytest

from helpers import small_run
from mmpose_mum.cli import main
from mmpose_mum.export import pseudo_labels


@pytest.fixture(scope='module')
def run():
    return small_run.train()


def start(run, out, *options, config=None, checkpoint=None):
    main(['export',
        str(config or run.parent / 'original.py'), str(checkpoint or run), '--out', str(out),
        '--device', 'cpu', *map(str, options)])


@pytest.mark.filterwarnings('ignore:skipped an unlabeled image')
def test_writes_the_json_and_says_what_is_in_it(run, tmp_path, capsys):
    out = tmp_path / 'new' / 'people.json'
    start(run, out)
    said = capsys.readouterr().out
    content = json.loads(out.read_text())
    assert len(content['annotations']) == 3
    folder = out.parent / content['info']['image_folder']
    assert folder.resolve() == (run.parents[1] / 'unlabeled').resolve()
    assert f'3 people in 3 images below {run.parents[1] / "unlabeled"}' in said
    assert 'are in the image, with a score of 0.3 or more' in said and 'left out' not in said
    with pytest.raises(SystemExit, match='people.json exists already; --force overwrites it'):
        start(run, out)
    before = out.read_text()
    start(run, out, '--force', '--score-thr', '0')
    assert out.read_text() != before
    capsys.readouterr()

    folder = tmp_path / 'images'
    small_run.write_people(folder, ['x.png'])
    (folder / 'broken.png').write_text('no image')
    start(run, tmp_path / 'b.json', '--unlabeled', folder, '--score-thr', '-1', '--batch-size', '1')
    assert 'left out 1 people: their image cannot be read' in capsys.readouterr().out
    content = json.loads((tmp_path / 'b.json').read_text())
    assert [image['file_name'] for image in content['images']] == ['x.png']


def test_mistakes_have_names(run, tmp_path):
    out = tmp_path / 'people.json'
    for message, options in (
            ('no config .*no.py', dict(config=tmp_path / 'no.py')),
            ('no checkpoint .*no.pth', dict(checkpoint=tmp_path / 'no.pth'))):
        with pytest.raises(SystemExit, match=message):
            start(run, out, **options)
    with pytest.raises(SystemExit, match='no unlabeled image or video'):
        start(run, out, '--unlabeled', tmp_path)
    for told, options in (('is not given: add the json', []),
                          ("is '.*', which is no json: leave", ['--unlabeled', tmp_path])):
        with pytest.raises(SystemExit, match=f'--unlabeled-images is .* but --unlabeled {told}'):
            start(run, out, '--unlabeled-images', tmp_path, *options)
    with pytest.raises(SystemExit, match='2'):
        start(run, out, '--batch-size', '0')
    assert not out.exists()


def test_a_full_disk_leaves_nothing_and_is_told(run, tmp_path, monkeypatch):
    content = dict(annotations=['x' * 100000], images=[], info={})
    monkeypatch.setattr(pseudo_labels, 'coco_json', lambda *_: (content, {}))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100000, before[1]))
    try:
        with pytest.raises(SystemExit, match=r'too large: .*people.json needs 100,1\d\d bytes'):
            start(run, tmp_path / 'people.json')
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())


def test_people_of_two_sets_are_counted(run, tmp_path, capsys):
    twice = tmp_path / 'twice.py'
    twice.write_text((run.parents[1] / 'original.py').read_text() + (
        "\nsets = train_dataloader['dataset']['datasets']\n"
        "sets[1] = dict(type='ConcatDataset', datasets=[sets[1], sets[1]])\n"))
    start(run, tmp_path / 'a.json', config=twice)
    said = capsys.readouterr().out
    assert '3 people in 3 images' in said and 'left out 3 repeated people' in said
