# SPDX-License-Identifier: Apache-2.0
"""The runs of a cross-validation: which there are, what they need, and what they gave."""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from mmengine.config import Config

from ..errors import ConfigError, DataError
from ..utils.files import atomic_write
from ..utils.text_files import read_json

#: Name of the metric that is compared.
METRIC = 'average_mAP'
RESULT = 'result.json'


@dataclass(frozen=True)
class Run:
    """One training.

    Attributes:
        config (str): Path of the config.
        variant (str): Name of the set of options.
        split (str): Name of the split.
        seed (int): Seed.
        options (tuple[str]): ``KEY=VALUE`` of the variant and the split.
        work_dir (Path): Its own folder.
    """

    config: str
    variant: str
    split: str
    seed: int
    options: tuple
    work_dir: Path

    @property
    def key(self) -> tuple:
        """(data set, split, seed), the same in all variants."""
        return Path(self.config).stem, self.split, self.seed

    def result(self) -> Optional[float]:
        """Average mAP of the run if it is finished.

        Raises:
            DataError: If the folder holds a result of other options.
        """
        path = self.work_dir / RESULT
        if not path.is_file():
            return None
        content = read_json(path)
        if content.get('options') != list(self.options):
            raise DataError(
                f'{path}: made with the options {content.get("options")}, now they are '
                f'{list(self.options)}; choose another name or --work-dir'
            )
        return content[METRIC]

    def finish(self) -> float:
        """Note the result of a training that has ended.

        Raises:
            DataError: If its log has no validation.
        """
        logs = sorted(self.work_dir.glob('*/vis_data/scalars.json'))
        values = [line for log in logs for line in _lines(log) if METRIC in line]
        if not values:
            raise DataError(f'{self.work_dir}: expected a validation in the log, found none')
        with atomic_write(self.work_dir / RESULT) as file:
            json.dump(
                {METRIC: values[-1][METRIC], 'options': list(self.options), 'metrics': values[-1]},
                file,
            )
        return values[-1][METRIC]


def _lines(log: Path):
    for line in log.read_text(encoding='utf-8').splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            continue  # a killed run leaves half a line


def splits_of(cfg: Config) -> dict[str, tuple]:
    """Options by split: of ``cross_validation`` of a config, else one split without options.

    ``cross_validation = dict(splits=[1, 2], settings={KEY: 'text with {split}'})``.

    Raises:
        ConfigError: If it is not of this form.
    """
    known = cfg.get('cross_validation')
    if not known:
        return {'1': ()}
    splits, settings = known.get('splits'), known.get('settings')
    if not splits or not isinstance(settings, Mapping):
        raise ConfigError(
            'cross_validation must have "splits", a list, and "settings", a dict of '
            f'texts with {{split}}, but is {dict(known)}'
        )
    return {
        str(split): tuple(f'{key}={text.format(split=split)}' for key, text in settings.items())
        for split in splits
    }


def make_folds(ann_file, count: int, folder: Path, seed: int = 0) -> dict[str, tuple]:
    """Write annotations of ``count`` folds, and give the options of each.

    Every video of the file is in the validation subset of one fold and trained on in the others.

    Args:
        ann_file (str | Path): Annotation json.
        count (int): Number of folds, at least 2 and at most the number of videos.
        folder (Path): Where ``fold_K.json`` is written.
        seed (int): Of the draw.

    Raises:
        ConfigError: If there are fewer videos than folds.
    """
    content = read_json(ann_file)
    names = sorted(content.get('database') or {})
    if not 2 <= count <= len(names):
        raise ConfigError(
            f'{ann_file}: expected 2 to {len(names)} folds of its {len(names)} videos, got {count}'
        )
    random.Random(seed).shuffle(names)
    options = {}
    for fold in range(count):
        held_out = set(names[fold::count])
        database = {
            name: {**video, 'subset': 'validation' if name in held_out else 'training'}
            for name, video in content['database'].items()
        }
        path = (folder / f'fold_{fold + 1}.json').resolve()
        with atomic_write(path) as file:
            json.dump({**content, 'database': database}, file)
        options[f'fold_{fold + 1}'] = tuple(
            f'{split}_dataloader.dataset.{key}={value}'
            for split in ('train', 'val', 'test')
            for key, value in (
                ('ann_file', path),
                ('subset', 'training' if split == 'train' else 'validation'),
            )
        )
    return options


def plan(
    configs: Mapping[str, Mapping[str, tuple]],
    variants: Mapping[str, Sequence[str]],
    seeds: Sequence[int],
    work_dir: Path,
) -> list[Run]:
    """All runs, those of one split and seed next to each other in all variants.

    Args:
        configs (Mapping): Options by split, by path of the config.
        variants (Mapping): ``KEY=VALUE`` options by name of the variant.
        seeds (Sequence[int]): Seeds.
        work_dir (Path): Folder of all runs.

    Raises:
        ConfigError: If two configs have one name.
    """
    stems = [Path(config).stem for config in configs]
    if len(set(stems)) < len(stems):
        raise ConfigError(f'configs must have different names, got {stems}')
    return [
        Run(
            config,
            variant,
            split,
            seed,
            (*of_split, *options),
            Path(work_dir, variant, Path(config).stem, f'split_{split}', f'seed_{seed}'),
        )
        for config, splits in configs.items()
        for split, of_split in splits.items()
        for seed in seeds
        for variant, options in variants.items()
    ]
