# SPDX-License-Identifier: Apache-2.0
"""Files of reference numbers, and the model of a config that they were measured on."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from mmaction.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from torch import Tensor, nn

from tmx_plugin.models.checkpoint import to_plugin_checkpoint


@dataclass
class GoldenModel:
    """Measurements of one narrow model of one of the five configs.

    Attributes:
        arrays (dict[str, np.ndarray]): All numbers of the file by name.
        info (dict): The configuration in the reference's words.
    """

    arrays: dict
    info: dict

    @classmethod
    def load(cls, path) -> 'GoldenModel':
        """Read ``model_*.npz``."""
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        return cls(arrays, json.loads(arrays.pop('info_json').tobytes().decode()))

    def tensor(self, name: str) -> Tensor:
        """One array as a tensor."""
        return torch.from_numpy(self.arrays[name])

    def state(self, prefix: str) -> dict:
        """The tensors whose names start with ``prefix``, without it and model wrappers'."""
        return {
            name[len(prefix) :].removeprefix('module.'): torch.from_numpy(value)
            for name, value in self.arrays.items()
            if name.startswith(prefix)
        }

    def config(self, config_dir) -> Config:
        """The project's config, as narrow as the measured model and without input dropout."""
        config = Config.fromfile(
            str(Path(config_dir) / 'temporalmaxer' / f'{self.info["config"]}.py')
        )
        width = self.info['width']
        config.merge_from_dict(
            {
                'model.data_preprocessor.pad_to': self.arrays['in/masks'].shape[1],
                'model.neck.in_channels': self.info['in_channels'],
                'model.neck.out_channels': width,
                'model.neck.input_dropout': 0.0,
                'model.head.in_channels': width,
                'model.head.feat_channels': width,
                'model.head.num_classes': self.info['num_classes'],
            }
        )
        return config

    def build(self, config_dir) -> nn.Module:
        """The model with the measured weights, in training mode."""
        config = self.config(config_dir)
        init_default_scope('mmaction')
        model = MODELS.build(config.model)
        model.load_state_dict(self.converted('state/', model))
        return model.train()

    def converted(self, prefix: str, model: nn.Module) -> dict:
        """A stored state dict (or its gradients, without the buffer) under our names."""
        state = self.state(prefix)
        state.setdefault('rpn_head.loss_normalizer', torch.tensor(0.0))
        return to_plugin_checkpoint(dict(state_dict=state), model)['state_dict']

    def batch(self) -> tuple[Tensor, Tensor]:
        """Features (B, C, T) and masks (B, T)."""
        return self.tensor('in/feats'), self.tensor('in/masks')

    def gt_instances(self) -> list:
        """Ground truth of the batch on the grid."""
        return [
            instances(self.tensor(f'in/gt_segments_{i}'), self.tensor(f'in/gt_labels_{i}'))
            for i in range(len(self.arrays['in/feats']))
        ]


def instances(segments: Tensor, labels: Tensor) -> InstanceData:
    """Ground truth of one video: segments (G, 2) on the grid, labels (G, )."""
    return InstanceData(segments=segments, labels=labels.long())
