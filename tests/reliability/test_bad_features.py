# SPDX-License-Identifier: Apache-2.0
"""Features with numbers that are not finite, flipped bits, and other widths or ranks."""

import numpy as np
import pytest
import torch
from crafted_files import GOOD, h5_bytes

from tmx_plugin.datasets.transforms import LoadFeatures
from tmx_plugin.errors import DataError


# ------------------------------------------------------------------ numbers that are not finite
def _spoil(path, value, dtype='f4', place=(17, 5)):
    array = np.load(path).astype(dtype)
    array[place] = value
    np.save(path, array)


BAD_NUMBERS = {
    'nan': ('f4', np.nan, 'nan'),
    'infinity': ('f4', -np.inf, '-inf'),
    'half infinity': ('f2', np.inf, 'inf'),
    'half nan': ('f2', np.nan, 'nan'),
    'overflow of squares': ('f4', 1e30, '1e+30'),
    'the limit': ('f8', 1e20, '1e+20'),
    'overflow of float32': ('f8', 1e300, '1e+300'),
}


@pytest.mark.parametrize('dtype, value, shown', BAD_NUMBERS.values(), ids=BAD_NUMBERS)
@pytest.mark.parametrize('layout', ['tc', 'ct'])
def test_numbers_that_are_not_finite_are_named(tmp_path, dtype, value, shown, layout):
    array = np.ones((30, 6), dtype)
    array[17, 5] = array[20, 1] = value
    path = str(tmp_path / 'x.npy')
    np.save(path, array.T if layout == 'ct' else array)
    with pytest.raises(DataError) as caught:
        LoadFeatures()(dict(video_id='v1', feature_paths=[path], layout=layout))
    assert str(caught.value) == (
        f"{path}: video 'v1': expected finite values below 1e+20, found 2 of 180 that are not, the "
        f"first is {shown} at time step 17, channel 5 (features='zero' of the data set takes 0 "
        'instead)'
    )


def test_zeros_are_taken_only_when_asked_for(tiny):
    from mmaction.registry import DATASETS
    from mmengine.config import Config

    settings = Config.fromfile(tiny.config).val_dataloader.dataset
    _spoil(tiny.root / 'features/v5.npy', np.nan)
    with pytest.raises(DataError, match="video 'v5': expected finite values"):
        DATASETS.build(settings)[1]
    dataset = DATASETS.build(dict(settings, features='zero'))
    for _ in range(2):  # when it is found, and when it is known
        inputs = dataset[1]['inputs']
        assert inputs[17, 5] == 0 and inputs.isfinite().all() and inputs[17, 4] != 0
    with pytest.raises(ValueError, match="features must be 'raise' or 'zero', not 'ignore'"):
        DATASETS.build(dict(settings, features='ignore'))


def test_each_file_is_checked_once_over_all_workers(tiny, monkeypatch):
    from mmaction.registry import DATASETS
    from mmengine.config import Config
    from torch.utils.data import DataLoader

    from tmx_plugin.datasets import feature_values

    dataset = DATASETS.build(Config.fromfile(tiny.config).train_dataloader.dataset)
    assert not dataset.value_check.state.any()
    for _ in DataLoader(dataset, batch_size=None, num_workers=2):
        pass
    assert dataset.value_check.state.tolist() == [1] * 4
    monkeypatch.setattr(feature_values, 'find_bad_values', lambda array: pytest.fail('twice'))
    dataset[0]


@pytest.mark.parametrize(
    'save', [np.savez, lambda path, x: torch.save(torch.from_numpy(x), path)], ids=['x.npz', 'x.pt']
)
def test_a_flipped_bit_is_found_by_its_checksum(tmp_path, save, request):
    path = tmp_path / request.node.callspec.id
    save(path, GOOD)
    content = bytearray(path.read_bytes())
    content[content.index(GOOD.tobytes()) + 9] ^= 1
    path.write_bytes(content)
    with pytest.raises(
        DataError,
        match="video 'v1': expected the content that was written, found "
        'a checksum that does not fit',
    ):
        LoadFeatures()(dict(video_id='v1', feature_paths=[str(path)]))


def test_training_and_inference_refuse_them(tiny, capsys):
    _spoil(tiny.root / 'features/v2.npy', np.inf)
    for workers in ('0', '1'):
        assert (
            tiny.tool('train.py').main(
                [str(tiny.config), '--cfg-options', f'train_dataloader.num_workers={workers}']
            )
            == 1
        )
        said = capsys.readouterr().err.splitlines()[-1]
        assert said.startswith(f"train: {tiny.root}/features/v2.npy: video 'v2': expected finite")
    assert (
        tiny.tool('infer.py').main(
            [
                str(tiny.root / 'features/v2.npy'),
                str(tiny.config),
                str(tiny.weights()),
                '--out',
                str(tiny.root / 'out'),
                '--fps',
                '8',
                '--device',
                'cpu',
            ]
        )
        == 1
    )
    assert 'v2: FAILED: ' in (said := capsys.readouterr().err) and 'expected finite' in said


def test_weights_of_nan_are_said_and_end_in_failure(tiny, capsys):
    weights = str(tiny.weights(spoil=np.nan))
    words = 'class logits are NaN or infinite: look for such values in the checkpoint'
    assert tiny.tool('test.py').main([str(tiny.config), weights]) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("test: video 'v4': ") and words in said
    out = tiny.root / 'out'
    assert (
        tiny.tool('infer.py').main(
            [
                str(tiny.root / 'features'),
                str(tiny.config),
                weights,
                '--out',
                str(out),
                '--fps',
                '8',
                '--device',
                'cpu',
                '--batch-size',
                '4',
            ]
        )
        == 1
    )
    said = capsys.readouterr().err
    assert all(f'v{i}: FAILED: video' in said for i in range(6)) and words in said


@pytest.mark.parametrize('rate', ['1e30', '1e12'])
def test_training_that_diverges_stops_with_the_last_good_checkpoint(tiny, capsys, rate):
    train = tiny.tool('train.py')
    assert (
        train.main(
            [str(tiny.config), '--cfg-options', 'train_cfg.max_epochs=1', 'train_cfg.val_begin=1']
        )
        == 0
    )
    capsys.readouterr()
    config = tiny.config.read_text().replace('max_epochs=2', 'max_epochs=9')
    tiny.config.write_text(config.replace('val_begin=2', 'val_begin=9'))
    assert (
        train.main(
            [
                str(tiny.config),
                '--cfg-options',
                f'optim_wrapper.optimizer.lr={rate}',
                f'load_from={tiny.root}/run/epoch_1.pth',
            ]
        )
        == 1
    )
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith('train: epoch ') and 'iteration' in said
    assert f'at the learning rate {float(rate):g}, with the videos v' in said
    assert 'training stops, and the last good checkpoint is' in said
    last = said.rpartition(' is ')[2]
    state = torch.load(last, weights_only=True)['state_dict']
    assert all(value.isfinite().all() for value in state.values())


# ------------------------------------------------------------------ widths and ranks
SAVERS = {
    '.npy': np.save,
    '.npz': np.savez,
    '.pt': lambda path, x: torch.save(torch.from_numpy(x), path),
    '.csv': lambda path, x: np.savetxt(path, x.reshape(len(x), -1), delimiter=','),
    '.h5': lambda path, x: path.write_bytes(
        h5_bytes(lambda file: file.create_dataset('a', data=x))
    ),
}


@pytest.mark.parametrize('suffix', SAVERS)
@pytest.mark.parametrize('shape', [(30, 4), (30, 6, 2), (30,)])
def test_widths_and_ranks_are_named_in_every_format(tiny, suffix, shape):
    from mmaction.registry import DATASETS
    from mmengine.config import Config

    features = tiny.root / 'features'
    for path in sorted(features.glob('*.npy')):
        array = np.load(path)
        path.unlink()
        SAVERS[suffix](path.with_suffix(suffix), array)
    SAVERS[suffix](features / f'v2{suffix}', np.ones(shape, 'f4'))
    settings = Config.fromfile(tiny.config).train_dataloader.dataset
    with pytest.raises(DataError) as caught:
        DATASETS.build(dict(settings, feature_suffix=suffix))
    text = str(caught.value)
    assert f'{features}/v2{suffix}' in text
    if len(shape) == 2 or suffix == '.csv':  # a table has two axes, whatever was saved
        width = 12 if shape == (30, 6, 2) else 4 if shape == (30, 4) else 1
        assert f'expected features of one width, found 6 (v0 and 2 more), {width} (v2)' in text
    else:
        assert f"video 'v2': expected a matrix of numbers, T x C, found shape {shape}" in text
