# SPDX-License-Identifier: Apache-2.0
"""The network as an ONNX graph: written, checked, and run in the model's place."""

import inspect
import json
import warnings
from pathlib import Path
from typing import Any, Optional

import numpy as np
import torch
from mmaction.registry import MODELS, TASK_UTILS
from mmengine.config import Config
from mmengine.model import BaseModel
from torch import Tensor, nn

from ..errors import DataError, MissingFileError, MissingPackageError, TmxError
from ..models.heads.temporal_maxer_head import flatten_levels
from ..models.necks.temporal_maxer_neck import level_lengths
from ..models.task_modules.postprocess import PostProcessCfg, predict_video
from ..utils.files import atomic_write

INPUTS, OUTPUTS = ('features', 'masks'), ('logits', 'segments', 'valid')
TOLERANCE = 1e-4
# Of times beyond 100 grid steps, float32 has no digits for the tolerance above.
RELATIVE_TOLERANCE = 1e-6


def _require(module: str):
    try:
        return __import__(module)
    except ImportError as error:
        raise MissingPackageError(f'this needs {module}: pip install "tmx_plugin[onnx]"') from error


class OnnxGraph(nn.Module):
    """What is exported: neck, head and decoding, without post-processing.

    Args:
        model (TemporalMaxer): In evaluation mode.
    """

    def __init__(self, model: BaseModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, features: Tensor, masks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Class logits, decoded segments and validity of all N points.

        Args:
            features (Tensor): ``(B, C, T)``, zero where not valid.
            masks (Tensor): ``(B, T)`` bool.

        Returns:
            tuple: ``(B, N, K)`` before the sigmoid, ``(B, N, 2)`` in grid steps, ``(B, N)`` bool;
            the points of the finest level first.
        """
        cls_logits, offsets, level_masks = self.model(features, masks=masks)
        segments = []
        for stride, level in zip(self.model.head.strides, offsets):
            # From a length that tracing sees, so that T stays dynamic.
            time = torch.arange(level.shape[-1], device=level.device) * float(stride)
            segments.append(
                torch.stack((time - level[:, 0] * stride, time + level[:, 1] * stride), dim=-1)
            )
        logits, _, valid = flatten_levels(cls_logits, offsets, level_masks)
        return logits, torch.cat(segments, dim=1), valid


def export_onnx(model: BaseModel, path, classes: Optional[tuple] = None, opset: int = 17) -> float:
    """Write a model as an ONNX graph with dynamic batch and time, and check it.

    Args:
        model (TemporalMaxer): The model, on the CPU.
        path (str | Path): The .onnx file; it appears only if the check passes.
        classes (tuple[str], optional): Class names, stored in the graph's metadata.
        opset (int): ONNX operator set.

    Returns:
        float: Largest absolute difference of class logits from the model's.

    Raises:
        MissingPackageError: Without onnx or onnxruntime; names the extra that brings them.
        TmxError: If ONNX Runtime's outputs differ from the model's by more than 1e-4 (for
            segments: or a millionth of their time).
    """
    onnx = _require('onnx')
    _require('onnxruntime')
    graph = OnnxGraph(model).eval()
    example = _example(model, batch=2, length=96)
    dynamic = {
        name: {0: 'batch', (2 if name == 'features' else 1): 'time' if name in INPUTS else 'points'}
        for name in (*INPUTS, *OUTPUTS)
    }
    # Newer torch exports by another way unless told not to; that one needs a further package.
    options: dict[str, Any] = (
        {'dynamo': False} if 'dynamo' in inspect.signature(torch.onnx.export).parameters else {}
    )
    with atomic_write(path, 'wb') as file, torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter('ignore')
        torch.onnx.export(
            graph,
            example,
            file.name,
            input_names=list(INPUTS),
            output_names=list(OUTPUTS),
            dynamic_axes=dynamic,
            opset_version=opset,
            **options,
        )
        exported = onnx.load(file.name)
        prior = model.head.class_prior
        state = {} if prior is None else {k: v.tolist() for k, v in prior.state_dict().items()}
        onnx.helper.set_model_props(
            exported, {'classes': json.dumps(list(classes or ())), 'class_prior': json.dumps(state)}
        )
        onnx.checker.check_model(exported)
        onnx.save(exported, file.name)
        return _check(graph, file.name)


def _example(model: BaseModel, batch: int, length: int) -> tuple[Tensor, Tensor]:
    """Features and masks of videos of different lengths."""
    generator = torch.Generator().manual_seed(batch * length)
    lengths = torch.linspace(length, max(length * 0.6, 1), batch).long()
    masks = torch.arange(length) < lengths[:, None]
    features = torch.randn(batch, model.neck.in_channels, length, generator=generator)
    return features * masks[:, None], masks


def _check(graph: OnnxGraph, path) -> float:
    """Compare with ONNX Runtime at several batch sizes and lengths, odd and short ones too."""
    session, worst = _session(path), 0.0
    for batch, length in ((1, 96), (1, 1), (3, 213), (2, 500)):
        inputs = _example(graph.model, batch, length)
        expected = graph(*inputs)
        found = session.run(None, {name: x.numpy() for name, x in zip(INPUTS, inputs)})
        for name, want, got in zip(OUTPUTS, expected, found):
            want = want.numpy()
            rtol = RELATIVE_TOLERANCE if name == 'segments' else 0
            if want.shape != got.shape or not np.allclose(got, want, rtol=rtol, atol=TOLERANCE):
                raise TmxError(
                    f'{path}: at batch {batch} and length {length}, ONNX Runtime gives {name} '
                    f"{got.shape} that differ from the model's {want.shape} by more than "
                    f'{TOLERANCE:g}'
                )
        worst = max(worst, float(np.abs(found[0] - expected[0].numpy()).max()))
    return worst


def _session(path):
    runtime = _require('onnxruntime')
    try:
        return runtime.InferenceSession(str(path), providers=['CPUExecutionProvider'])
    except Exception as error:  # ONNX Runtime's own, by cause
        raise DataError(f'{path}: not readable as an ONNX graph ({error})') from error


def _metadata(props: dict, key: str, default, path):
    """A value of the graph's metadata, of the type of the default."""
    text = props.get(key) or json.dumps(default)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, type(default)):
        kind = 'an object' if isinstance(default, dict) else 'a list'
        raise DataError(
            f'{path}: expected {kind} in json as {key!r} of its metadata, found {text!r:.80}'
        )
    return value


class OnnxLocalizer:
    """An exported network in the place of the model: the same data in, the same samples out.

    Args:
        cfg (Config): Config the network was exported from; gives the post-processing.
        path (str | Path): The .onnx file.

    Raises:
        MissingFileError: If there is no such file.
        DataError: If the file is not one that :func:`export_onnx` wrote, or lacks the class prior.
    """

    backbone = None

    def __init__(self, cfg: Config, path) -> None:
        if not Path(path).is_file():
            raise MissingFileError(f'{path}: no such file')
        self.cfg = cfg
        self.session = _session(path)
        found = tuple(x.name for x in (*self.session.get_inputs(), *self.session.get_outputs()))
        if found != (*INPUTS, *OUTPUTS):
            raise DataError(
                f'{path}: expected the inputs and outputs {(*INPUTS, *OUTPUTS)}, found {found}'
            )
        self.postprocess_cfg = PostProcessCfg(**(cfg.model.get('test_cfg') or {}))
        self.data_preprocessor = MODELS.build(
            cfg.model.get('data_preprocessor') or dict(type='TALDataPreprocessor')
        )
        self.num_levels = len(cfg.model.head.regression_ranges)
        props = self.session.get_modelmeta().custom_metadata_map
        classes = _metadata(props, 'classes', [], path)
        self.class_prior = self._class_prior(cfg.model.head, props, path)
        self.dataset_meta = dict(classes=tuple(classes)) if classes else {}

    @staticmethod
    def _class_prior(head: dict, props: dict, path):
        """The prior that the config names, with the values in the file."""
        if head.get('class_prior') is None:
            return None
        prior = TASK_UTILS.build({**head['class_prior'], 'num_labels': head['num_classes']})
        state = _metadata(props, 'class_prior', {}, path)
        if not state:
            raise DataError(
                f'{path}: expected the class prior of the config, found none; export the model '
                'with one, or set model.head.class_prior=None'
            )
        try:
            values = {key: torch.tensor(value).float() for key, value in state.items()}
            prior.load_state_dict(values)
        except (RuntimeError, TypeError, ValueError) as error:
            reason = ' '.join(str(error).split())
            raise DataError(
                f'{path}: expected the class prior of the config, found none that fits ({reason})'
            ) from error
        if not all(value.isfinite().all() for value in values.values()):
            raise DataError(f'{path}: expected a class prior of finite numbers, found others')
        return prior

    def test_step(self, data: dict) -> list:
        """Segments of a batch.

        Args:
            data (dict): ``inputs``, features (T_i, C), and their ``data_samples``.

        Returns:
            list[ActionDataSample]: The samples, with ``pred_instances`` in seconds.
        """
        for features, sample in zip(data['inputs'], data['data_samples']):
            # One by one, because in a batch the padding is part of what the network sees.
            batch = self.data_preprocessor(dict(inputs=[torch.as_tensor(features)]))
            logits, segments, valid = (
                torch.from_numpy(found[0])
                for found in self.session.run(
                    None,
                    {name: batch[key].numpy() for name, key in zip(INPUTS, ('inputs', 'masks'))},
                )
            )
            sizes = level_lengths(batch['masks'].shape[1], self.num_levels)
            levels = valid.split(sizes)
            predict_video(sample, logits, segments, levels, self.postprocess_cfg, self.class_prior)
        return data['data_samples']
