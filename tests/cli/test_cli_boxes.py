"""An annotation tool's export becomes labels that a training reads."""
import json

import pytest

from mmpose_mum.cli import main


def export(path, *people):
    path.write_text(json.dumps(dict(
        info=dict(image_folder='pool'), images=[dict(id=1, file_name='a.jpg', width=64, height=96)],
        categories=[dict(id=1, name='mouse', keypoints=['nose', 'tail'])],
        annotations=[dict(id=i, image_id=1, category_id=1, bbox=[0, 0, 0, 0], **person)
                     for i, person in enumerate(people)])))
    return str(path)


def test_a_tools_export_gets_boxes(tmp_path, capsys):
    source = export(tmp_path / 'export.json', dict(keypoints=[10, 10, 2, 30, 50, 2]),
                    dict(keypoints=[10, 10, 2, 0, 0, 0]), {})
    out = tmp_path / 'labels.json'
    main(['boxes', source, '--out', str(out), '--edge', '.25'])
    content = json.loads(out.read_text())
    assert [person['bbox'] for person in content['annotations']] == [[0, 0, 40, 60]]
    assert content['categories'][0]['name'] == 'mouse' and len(content['images']) == 1
    assert content['info'] == dict(image_folder='pool')
    text = capsys.readouterr().out
    assert '1 people; 1 have a new box' in text and '1 annotations without a labeled' in text
    assert '1 people whose labeled keypoints lie at one place' in text
    with pytest.raises(SystemExit, match='exists already; --force'):
        main(['boxes', source, '--out', str(out)])


def test_an_export_without_keypoints_is_an_error(tmp_path):
    source = export(tmp_path / 'export.json', {}, dict(keypoints=[]))
    with pytest.raises(SystemExit, match='no person with labeled keypoints.*export the'):
        main(['boxes', source, '--out', str(tmp_path / 'labels.json')])
    assert not (tmp_path / 'labels.json').exists()
