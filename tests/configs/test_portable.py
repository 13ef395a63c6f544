"""A published config names no folder and no account of the machine that it was written on."""
import pytest

from mmpose_mum.configs.portable import portable


def config(root, ann_file='val.json', evaluated=None):
    return dict(test_dataloader=dict(dataset=dict(data_root=root, ann_file=ann_file)),
                test_evaluator=[dict(ann_file=evaluated)])


def paths(entries):
    dataset = entries['test_dataloader']['dataset']
    return [dataset['data_root'], dataset['ann_file'], entries['test_evaluator'][0]['ann_file']]


@pytest.mark.parametrize('given, folders, expected', [
    (('data/coco/', 'val.json', 'data/coco/val.json'), [],
     ['data/coco/', 'val.json', 'data/coco/val.json']),
    (('/home/alice/coco/', 'ann/val.json', '/home/alice/coco/ann/val.json'), ['/home/alice/coco'],
     ['data/', 'ann/val.json', 'data/ann/val.json']),
    (('', '/home/alice/labels.json', '/home/alice/x/y.json'), ['/home/alice'],
     ['', 'data/labels.json', 'data/x/y.json']),
    (('/mnt/b', '/mnt/a/val.json', '/mnt/ab/val.json'), ['/mnt/a', '/mnt/ab', '/mnt/b'],
     ['data/3', 'data/1/val.json', 'data/2/val.json']),
    (('C:\\Users\\alice\\coco\\', 'val.json', 'c:/x.json'), ['C:/Users/alice/coco', 'c:'],
     ['data/1/', 'val.json', 'data/2/x.json']),
    (('s3://alice/coco', 'val.json', 'https://alice:token@host/val.json'),
     ['https://alice:token@host', 's3://alice/coco'],
     ['data/2', 'val.json', 'data/1/val.json']),
    (('~alice/coco', '\\\\server\\share\\val.json', '/val.json'),
     ['//server/share', '/val.json', '~alice/coco'], ['data/3', 'data/1/val.json', 'data/2'])])
def test_absolute_paths_lose_the_machines_part(given, folders, expected):
    entries, moved = portable(config(*given))
    assert list(moved) == folders and paths(entries) == expected


def test_ways_to_files_go_at_any_depth_and_a_metainfo_stays():
    metainfo = dict(paper_info=dict(homepage='https://example.org/coco'))
    step = dict(type='LoadImage', imdecode_backend='cv2')
    dataset = dict(metainfo=metainfo, pipeline=(
        dict(step, backend_args=dict(backend='s3', token='secret')), ))
    entries, moved = portable(dict(a=dict(dataset=dataset), b=[dict(outfile_prefix='secret')]))
    assert entries == dict(a=dict(dataset=dict(metainfo=metainfo, pipeline=(step, ))), b=[{}])
    assert not moved
