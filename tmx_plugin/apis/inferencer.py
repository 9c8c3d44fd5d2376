# SPDX-License-Identifier: Apache-2.0
"""Videos or features in, segments and files of them out."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Optional, Union

import torch
from mmengine.config import Config
from mmengine.infer import BaseInferencer
from mmengine.logging import print_log
from mmengine.registry import init_default_scope
from rich.progress import track

from ..datasets.feature_io import FEATURE_SUFFIXES
from ..engine.launch import read_config
from ..errors import ConfigError, DataError, NotFiniteError
from ..features.storage import VIDEO_SUFFIXES, find_files
from ..utils.devices import resolve_device
from ..utils.files import WriteError, describe_cut_name, file_name
from ..utils.package_files import CONFIG_ROOT
from ..visualization.thresholds import read_thresholds
from .init import init_localizer
from .onnx_localizer import OnnxLocalizer
from .result_files import ResultFiles, same_file_names
from .samples import (
    Batches,
    class_number,
    describe_sample,
    draw_sample,
    find_classes,
    preview_sample,
)
from .video_inputs import VideoInputs


class TALInferencer(BaseInferencer):
    """Temporal action localization of videos or feature files.

    Args:
        model (str | Path | Config): Config file of the localizer, its content, or the name of a
            config of this package such as ``'thumos_i3d'``.
        weights (str, optional): Checkpoint (ours, or one released by either public
            implementation) or an exported ``.onnx`` file. Without it the weights are random.
        device (str, optional): Torch device; by default a GPU where there is one.
        recognizer (str | Path | Config, optional): Config of the MMAction2 recognizer that makes
            features of videos, a file or ``'mmaction::recognition/...'``. Not needed for feature
            files, nor for a model with a backbone of its own.
        recognizer_weights (str, optional): Its checkpoint.
        extractor_weights (Sequence[str], optional): Weights of the networks that ``features`` of
            the config names, in place of a recognizer: public files as they are published.
        flow (str, optional): Optical flow for networks that take it: ``'tvl1'``, ``'raft'``,
            ``'dis'`` or a folder of flow images. Default: what the config says.
        flow_weights (str, optional): Weights of RAFT; by default torchvision's.
        fps (float, optional): Frames a second that the features stand for. Needed for feature
            files without a side file; videos are resampled to it. By default that of the
            config's data set, where it has one.
        classes (Sequence[str], optional): Class names. By default those in the checkpoint, else
            in the class file of the config, else those of the released models of its data set.
        cfg_options (dict, optional): Overrides of the config.
        clip_batch_size (int): Clips of a video that go through the recognizer at once.
        show_progress (bool): Whether to draw a progress bar.

    Example:
        >>> inferencer = TALInferencer(
        ...     'thumos_i3d', 'thumos.pth',
        ...     extractor_weights=['rgb_imagenet.pt', 'flow_imagenet.pt'])  # doctest: +SKIP
        >>> result = inferencer('video.mp4', score_thr=0.3)  # doctest: +SKIP
        >>> result['predictions'][0]['actions'][0]  # doctest: +SKIP
        {'label': 'Diving', 'score': 0.87, 'segment': [12.4, 15.1]}
    """

    preprocess_kwargs: set = {'skip_broken'}
    forward_kwargs: set = {'score_thr', 'top_k', 'only'}
    visualize_kwargs: set = {'timeline', 'clip', 'vis_out_dir', 'vis_score_thr'}
    postprocess_kwargs: set = {'out_dir', 'formats', 'frame_rate', 'existing'}

    def __init__(
        self,
        model: Union[str, Path, Config],
        weights: Optional[str] = None,
        device: Optional[str] = None,
        *,
        recognizer: Optional[Union[str, Path, Config]] = None,
        recognizer_weights: Optional[str] = None,
        extractor_weights: Optional[Sequence[str]] = None,
        flow: Optional[str] = None,
        flow_weights: Optional[str] = None,
        fps: Optional[float] = None,
        classes: Optional[Sequence[str]] = None,
        cfg_options: Optional[dict] = None,
        clip_batch_size: int = 8,
        show_progress: bool = True,
    ) -> None:
        cfg = model
        if not isinstance(cfg, Config):
            cfg = read_config(str(model), CONFIG_ROOT, cfg_options)
        elif cfg_options:
            cfg.merge_from_dict(cfg_options)
        init_default_scope(cfg.get('default_scope', 'mmaction'))
        self.failed: dict[str, str] = {}
        self._device = device = resolve_device(device)
        self._fps, self._skip_broken = fps, False
        super().__init__(cfg, weights, device, 'mmaction', show_progress)
        if recognizer is not None:
            self.pipeline.use_recognizer(
                recognizer, recognizer_weights, flow, flow_weights, clip_batch_size
            )
        elif extractor_weights:
            self.pipeline.use_recipe(extractor_weights, flow, flow_weights, clip_batch_size)
        elif self.model.backbone is not None:
            self.pipeline.use_backbone(self.model.backbone)
        count = cfg.model.head.num_classes
        self.classes = find_classes(classes, count, self.model, self.pipeline.dataset)

    # ------------------------------------------------------------ construction

    def _init_model(self, cfg, weights, device='cpu'):
        if weights is not None and str(weights).endswith('.onnx'):
            return OnnxLocalizer(cfg, weights)
        if weights is None:
            print_log('No checkpoint is given: the weights are random', 'current', level=30)
        return init_localizer(cfg, weights, device)

    def _init_pipeline(self, cfg) -> VideoInputs:
        return VideoInputs(cfg, self._fps, self._device)

    def _init_collate(self, cfg):
        return lambda batch: {key: [item[key] for item in batch] for key in batch[0]}

    def _init_visualizer(self, cfg):
        return None  # pictures are drawn by functions, without global state

    # ------------------------------------------------------------------- calls

    def __call__(
        self, inputs, return_datasamples: bool = False, batch_size: int = 1, **kwargs
    ) -> dict[str, Any]:
        """Localize the actions of videos or feature files.

        Args:
            inputs (str | Path | Sequence): A file, a folder, a ``.txt`` list of files, or several.
            return_datasamples (bool): Whether ``'predictions'`` are samples.
            batch_size (int): Videos at once.
            **kwargs: ``skip_broken`` as for :meth:`preprocess`; ``score_thr``, ``top_k`` and
                ``only`` as for :meth:`forward`; ``timeline``, ``clip``, ``vis_out_dir`` and
                ``vis_score_thr`` as for :meth:`visualize`; ``out_dir``, a folder for
                ``predictions.json`` (ActivityNet), without which nothing is written, and
                ``formats``, ``frame_rate`` and ``existing`` as for :class:`ResultFiles`.

        Returns:
            dict: ``predictions``, of each video ``video`` (name), ``source`` (path), ``duration``
            (seconds) and ``actions``, best first: ``label``, ``score`` and ``segment`` [start, end]
            in seconds; ``visualization``; and ``failed``, the reason by the name of each input
            that was left out.
        """
        predictions, images = [], []
        with closing(self._run(inputs, batch_size, return_datasamples, **kwargs)) as batches:
            for batch in batches:
                predictions += batch['predictions']
                images += batch['visualization']
        return dict(predictions=predictions, visualization=images, failed=dict(self.failed))

    def stream(self, inputs, batch_size: int = 1, **kwargs) -> Iterator[dict]:
        """As a call, one video after the other: nothing is kept in memory.

        Args:
            inputs, batch_size, kwargs: As for a call.

        Yields:
            dict: Each of ``predictions``, when it is written; with ``existing='skip'`` first those
            that were found earlier. :attr:`failed` has the others.
        """
        with closing(self._run(inputs, batch_size, **kwargs)) as batches:
            for batch in batches:
                yield from batch['predictions']

    def _run(self, inputs, batch_size, as_samples=False, **kwargs) -> Generator[dict, None, None]:
        """What :meth:`postprocess` returns of each batch."""
        preprocess, forward, visualize, writing = self._dispatch_kwargs(**kwargs)
        out_dir = writing.pop('out_dir', '')
        names = self._inputs_to_list(inputs)
        with ResultFiles(out_dir, **writing) if out_dir else nullcontext() as files:
            done = files.done if files else {}
            if files and not as_samples:
                yield from (
                    dict(predictions=[files.entry(name, path)], visualization=[])
                    for name, path in names
                    if name in done
                )
            names = [each for each in names if each[0] not in done]
            if visualize.get('timeline') or visualize.get('clip') or files and files.per_video:
                held = files.held if files else ()
                self._clashes.update(same_file_names([name for name, _ in names], held))
                names = [each for each in names if each[0] not in self._clashes]
                for note in filter(None, (describe_cut_name(name) for name, _ in names)):
                    print_log(note, 'current')
            batches = self.preprocess(names, batch_size, **preprocess)
            for data in track(batches, 'Inference') if self.show_progress else batches:
                samples = self.forward(data, **forward)
                images = self.visualize(names, samples, **visualize)
                yield self.postprocess(samples, images, as_samples, files)

    def _inputs_to_list(self, inputs) -> list:
        """Files as (name, path), whatever of file, folder, list of paths or .txt they come in."""
        suffixes = VIDEO_SUFFIXES if self.pipeline.extractor is not None else FEATURE_SUFFIXES
        found, self._clashes = find_files(inputs, suffixes)
        return found

    def preprocess(self, inputs: list, batch_size: int = 1, skip_broken: bool = False):
        """Batches of inputs that can be read.

        Args:
            inputs (list[tuple]): Name and path of each.
            batch_size (int): Videos at once.
            skip_broken (bool): Whether to go on without inputs that cannot be used; they are in
                :attr:`failed` and under ``'failed'`` of the result. The same holds for those that
                cannot be drawn; their segments are returned and written all the same.
        """
        if self._clashes and not skip_broken:
            raise DataError('; '.join(self._clashes.values()))
        self.failed, self._skip_broken = dict(self._clashes), skip_broken
        return Batches(self._read(inputs), batch_size, len(inputs), self.collate_fn)

    def _read(self, inputs) -> Iterator[dict]:
        for name, path in inputs:
            data = None
            with self._noting_failure(name, 'left out'):
                data = self.pipeline((name, path))
            if data is not None:
                yield data

    @contextmanager
    def _noting_failure(self, name: str, what: str):
        """Whatever one video brings, the others go on, if they are to."""
        try:
            yield
        except WriteError:  # a full disk is not the video's fault
            raise
        except Exception as error:
            if not self._skip_broken:
                raise
            self.failed[name] = str(error) or type(error).__name__
            print_log(f'{name}: {what}: {self.failed[name]}', 'current', level=30)

    def forward(
        self,
        inputs: dict,
        score_thr: Union[float, str, Path] = 0.0,
        top_k: Optional[int] = None,
        only: Optional[Sequence[str]] = None,
    ) -> list:
        """Segments of a batch.

        Args:
            inputs (dict): From :meth:`preprocess`.
            score_thr (float | str | Path): Least score of a segment, or a file with that of each
                class (``--thresholds`` of a report).
            top_k (int, optional): Most segments of a video.
            only (Sequence[str], optional): Names of the classes wanted.
        """
        wanted = None if only is None else [class_number(name, self.classes) for name in only]
        limits = torch.from_numpy(read_thresholds(score_thr).of(self.classes))
        samples = self._predict(inputs)
        for sample in samples:
            found = sample.pred_instances
            keep = found.scores >= limits.to(found.scores.device)[found.labels]
            if wanted is not None:
                keep &= torch.isin(found.labels, found.labels.new_tensor(wanted))
            sample.pred_instances = found[keep][:top_k]
        return samples

    def _predict(self, inputs: dict) -> list:
        """The model's samples; where one video brings NaN, each by itself, and the others go on."""
        try:
            return super().forward(inputs)
        except NotFiniteError:
            if not self._skip_broken:
                raise
        samples = []
        for i, sample in enumerate(inputs['data_samples']):
            with self._noting_failure(sample.video_id, 'left out'):
                samples += super().forward({key: [value[i]] for key, value in inputs.items()})
        return samples

    def visualize(
        self,
        inputs: list,
        preds: list,
        timeline: bool = False,
        clip: bool = False,
        vis_out_dir: str = '',
        vis_score_thr: float = 0.3,
    ) -> list:
        """Draw what was found.

        Args:
            inputs (list): Not used; the samples know their files.
            preds (list[ActionDataSample]): From :meth:`forward`.
            timeline (bool): Draw a picture of each video, ``VIDEO.png`` in ``vis_out_dir``.
            clip (bool): Write each video with the actions on its frames, ``VIDEO.preview.mp4``.
            vis_out_dir (str): Folder for both; without it timelines are returned only.
            vis_score_thr (float): Least score of what is drawn.

        Returns:
            list[np.ndarray]: Timelines, (H, W, 3) uint8 RGB; empty unless asked for.
        """
        if clip and not vis_out_dir:
            raise ConfigError('a preview video needs vis_out_dir, the folder to write it to')
        images = []
        for sample in preds:
            stem = Path(vis_out_dir, file_name(sample.video_id))
            with self._noting_failure(sample.video_id, 'not drawn'):
                if timeline:
                    path = stem.with_name(f'{stem.name}.png') if vis_out_dir else None
                    images.append(draw_sample(sample, self.classes, vis_score_thr, path))
                if clip:
                    path = stem.with_name(f'{stem.name}.preview.mp4')
                    preview_sample(sample, self.classes, path, vis_score_thr)
        return images

    def postprocess(
        self,
        preds: list,
        visualization: list,
        return_datasamples: bool = False,
        files: Optional[ResultFiles] = None,
    ) -> dict[str, Any]:
        """Name what was found in a batch, and write it.

        Args:
            preds (list[ActionDataSample]): From :meth:`forward`.
            visualization (list): From :meth:`visualize`.
            return_datasamples (bool): Whether ``'predictions'`` are the samples themselves.
            files (ResultFiles, optional): Where to write.

        Returns:
            dict: As a call returns it.
        """
        predictions = [describe_sample(sample, self.classes) for sample in preds]
        if files:
            for each in predictions:
                files.add(each)
        return dict(
            predictions=preds if return_datasamples else predictions,
            visualization=visualization,
            failed=dict(self.failed),
        )
