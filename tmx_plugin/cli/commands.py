# SPDX-License-Identifier: Apache-2.0
"""What ``tmx`` can do: one line a command."""

from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).resolve().parents[1]
#: Folder of ``tools/`` and ``configs/``: ``.mim`` of an installed package, or the repository.
ROOT = next(
    (
        folder
        for folder in (PACKAGE / '.mim', PACKAGE.parent)
        if (folder / 'tools' / 'train.py').is_file()
    ),
    PACKAGE.parent,
)


class Command(NamedTuple):
    """A command of ``tmx``.

    Attributes:
        target (str): File below ``tools/``, or a module of this package with a ``main()``.
        summary (str): What it does, for the list of commands.
        example (str): Arguments of a typical call.
    """

    target: str
    summary: str
    example: str


COMMANDS = {
    # own data
    'init': Command(
        'init',
        'write a config for features and annotations of your own',
        'features/ annotations.json --out mine.py',
    ),
    'convert': Command(
        'data/convert_annotations.py',
        'convert annotations of other formats',
        'csv segments.csv --video-dir videos/ --out annotations.json',
    ),
    'check': Command(
        'data/check_dataset.py',
        'find what is wrong with data and config',
        'mine.py --plot durations.png',
    ),
    'standardize': Command(
        'data/fit_standardize.py', 'fit the scales of the channels of features', 'mine.py'
    ),
    'browse': Command(
        'analysis/browse_dataset.py',
        'play videos above their annotations',
        'annotations.json --videos videos/ --out page',
    ),
    # models
    'train': Command('train.py', 'train a localizer', 'mine.py --work-dir work'),
    'test': Command('test.py', 'compute the mAP of a checkpoint', 'mine.py work/epoch_35.pth'),
    'export': Command(
        'deploy/export_onnx.py', 'write a localizer as ONNX', 'mine.py work/epoch_35.pth mine.onnx'
    ),
    'release-checkpoint': Command(
        'convert/released_checkpoint.py',
        'convert a released checkpoint to the format used here',
        'epoch_45.pth thumos.pth',
    ),
    # videos
    'extract': Command(
        'extract_features.py',
        'compute clip features of videos',
        'videos/ features/ --config i3d.py --checkpoint i3d.pth',
    ),
    'infer': Command(
        'infer.py',
        'localize actions in videos or feature files',
        'video.mp4 thumos_i3d released.pth --extractor-weights rgb_imagenet.pt flow_imagenet.pt',
    ),
    'cross-validate': Command(
        'analysis/cross_validate.py',
        'train all splits, compare variants',
        'mine.py --folds 5 --work-dir cv',
    ),
    # results
    'report': Command(
        'analysis/report.py',
        'write an HTML report on predictions',
        'predictions.json annotations.json --out report',
    ),
    'timeline': Command(
        'analysis/plot_timeline.py',
        'draw predictions and ground truth of videos',
        'predictions.json annotations.json --out pictures',
    ),
    'plot-logs': Command(
        'analysis/plot_logs.py',
        'plot losses and mAP of training runs',
        'work_dirs/mine --out curves.png',
    ),
    'flops': Command('analysis/get_flops.py', 'count parameters and multiply-adds', 'thumos_i3d'),
    'fuse-epic': Command(
        'convert/fuse_epic.py',
        'combine verb and noun predictions of EPIC',
        '--verb VERB_CONFIG verb.pth --noun NOUN_CONFIG noun.pth --out epic.json',
    ),
    # data sets
    'prepare': Command(
        'data/prepare.py', 'prepare a public data set from its archives', 'thumos14 thumos.tar.gz'
    ),
    'prepare-hapt': Command(
        'data/prepare_hapt.py', 'prepare the HAPT data set', 'HAPT.zip data/hapt'
    ),
    'synthetic': Command(
        'data/make_synthetic.py', 'write a small synthetic data set', 'data/synthetic --seed 0'
    ),
    # this installation
    'demo': Command('demo', 'train and test on synthetic data, in a folder of yours', 'my_demo'),
    'checks': Command('checks', 'print versions, devices and what is missing', ''),
}
