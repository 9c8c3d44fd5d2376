# SPDX-License-Identifier: Apache-2.0
"""Optical flow between neighbouring frames, as the 8 bits that flow networks are trained on.

A source of flow has a ``name`` and ``open(video, num_frames)``, which returns a function of a run
of neighbouring frames ``(n + 1, H, W, 3)`` uint8 RGB; it returns the coded flow ``(n, H, W, 2)``
uint8 from each frame to the next, x then y. The runs of a video come in order.
"""

from pathlib import Path
from typing import Callable, Optional, Union

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from ..errors import ConfigError, DataError, MissingFileError, MissingPackageError
from ..models.checkpoint_file import load_checkpoint_file

#: Pixels a frame that the ends of the 8-bit range stand for.
BOUND = 20.0
#: Code of no motion.
ZERO = 128
#: Ways to compute flow.
METHODS = ('tvl1', 'raft', 'dis')


def code_flow(flow: np.ndarray) -> np.ndarray:
    """Flow in pixels as 8 bits: clamped to +-20 pixels, ``round(128 + 255 / 40 * flow)``.

    Args:
        flow (np.ndarray): Displacements in pixels, any shape.

    Returns:
        np.ndarray: uint8 of the same shape.

    Examples:
        >>> code_flow(np.array([-30., 0., 1., 30.]))
        array([  0, 128, 134, 255], dtype=uint8)
    """
    coded = np.round(ZERO + 255 / (2 * BOUND) * np.clip(flow, -BOUND, BOUND))
    return coded.clip(0, 255).astype(np.uint8)


class _ComputedFlow:
    """Flow that is computed from the frames."""

    name: str

    def open(self, video: str, num_frames: int) -> Callable[[np.ndarray], np.ndarray]:
        return lambda frames: code_flow(self.between(frames))

    def between(self, frames: np.ndarray) -> np.ndarray:
        """Flow ``(n, H, W, 2)`` float32 in pixels of frames ``(n + 1, H, W, 3)`` uint8 RGB."""
        raise NotImplementedError


class _OpenCVFlow(_ComputedFlow):
    """Flow between grey images by an algorithm of OpenCV."""

    def __init__(self, name: str, algorithm) -> None:
        self.name = name
        self.algorithm = algorithm

    def between(self, frames: np.ndarray) -> np.ndarray:
        grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
        return np.stack(
            [self.algorithm.calc(first, second, None) for first, second in zip(grey, grey[1:])]
        )


class RaftFlow(_ComputedFlow):
    """RAFT (large) of torchvision.

    Args:
        weights (str, optional): File with its state dict. Default: torchvision's own weights,
            which it downloads once.
        device (str): Torch device.
        batch_size (int): Pairs of frames at once.

    Raises:
        MissingPackageError: Without torchvision.
        ConfigError: If the file does not hold RAFT's weights.
    """

    name = 'raft'

    def __init__(
        self, weights: Optional[str] = None, device: str = 'cpu', batch_size: int = 4
    ) -> None:
        try:
            from torchvision.models import optical_flow
        except (ImportError, RuntimeError) as error:  # the latter where it does not fit torch
            raise MissingPackageError(
                'flow by RAFT needs a torchvision that fits the installed torch: '
                f'pip install "tmx_plugin[raft]" ({error})'
            ) from error
        chosen = None if weights else optical_flow.Raft_Large_Weights.DEFAULT
        self.model = optical_flow.raft_large(weights=chosen, progress=False)
        if weights:
            try:
                self.model.load_state_dict(load_checkpoint_file(weights))
            except RuntimeError as error:  # torch's list of differences
                raise ConfigError(f'{weights}: not the weights of raft_large: {error}') from error
        self.model = self.model.eval().to(device)
        self.device, self.batch_size = device, batch_size

    @torch.no_grad()
    def between(self, frames: np.ndarray) -> np.ndarray:
        """See the base class."""
        images = torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 127.5 - 1
        height, width = images.shape[2:]
        images = F.pad(images, (0, -width % 8, 0, -height % 8), mode='replicate')
        flows = []
        for first, second in zip(
            images[:-1].split(self.batch_size), images[1:].split(self.batch_size)
        ):
            flow = self.model(first.to(self.device), second.to(self.device))[-1]
            flows.append(flow[..., :height, :width].permute(0, 2, 3, 1).cpu().numpy())
        return np.concatenate(flows)


class FlowImages:
    """Flow images of a folder, as denseflow writes them: ``flow_x_00001.jpg`` and ``flow_y_...``.

    The images of a video lie in a folder of its name, or in the folder itself. They are numbered
    from 0 or 1, one a pair of neighbouring frames. Where their size differs from that of the
    frames, they are resized, and the flow is scaled with them.

    Args:
        folder (str | Path): The folder.

    Raises:
        MissingFileError: If there is no such folder.
    """

    name = 'images'

    def __init__(self, folder: Union[str, Path]) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise MissingFileError(
                f'--flow: {folder} is neither a folder of flow images nor one '
                f'of {", ".join(METHODS)}'
            )

    def open(self, video: str, num_frames: int) -> Callable[[np.ndarray], np.ndarray]:
        """Read the images of a video, in step with its frames.

        Raises:
            MissingFileError: If there are no flow images of the video.
            DataError: If their number is not that of its frames, or one less.
        """
        folder = self.folder / Path(video).stem
        if not folder.is_dir():
            folder = self.folder
        pairs = [sorted(folder.glob(f'flow_{axis}_*.jpg')) for axis in 'xy']
        if not pairs[0]:
            raise MissingFileError(f'{folder}: holds no flow_x_*.jpg of {video}')
        counts = [len(paths) for paths in pairs]
        if counts[0] != counts[1] or counts[0] not in (num_frames - 1, num_frames):
            raise DataError(
                f'{folder}: expected {num_frames - 1} flow_x and as many flow_y images for the '
                f'{num_frames} frames of {video}, found {counts[0]} and {counts[1]}'
            )
        images = zip(*pairs)
        return lambda frames: np.stack(
            [_read_pair(next(images), frames.shape[1:3]) for _ in frames[1:]]
        )


def _read_pair(paths: tuple[Path, Path], size: tuple[int, int]) -> np.ndarray:
    """Coded flow ``(H, W, 2)`` of two grey images, at ``size`` (H, W)."""
    channels = []
    for path, axis in zip(paths, (1, 0)):  # x goes along the width
        image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if image is None:
            raise DataError(f'{path}: cannot be read as an image')
        if image.shape != size:
            ratio = size[axis] / image.shape[axis]
            image = cv2.resize(image, size[::-1], interpolation=cv2.INTER_LINEAR)
            image = np.round(ZERO + (image.astype(np.float32) - ZERO) * ratio)
        channels.append(image.clip(0, 255).astype(np.uint8))
    return np.stack(channels, axis=-1)


def open_flow(method: str, weights: Optional[str] = None, device: str = 'cpu'):
    """The source of flow that a name or a folder stands for.

    Args:
        method (str): ``'tvl1'``, ``'raft'``, ``'dis'``, or a folder of flow images.
        weights (str, optional): File with RAFT's weights.
        device (str): Torch device, for RAFT.

    Raises:
        MissingPackageError: If the method is not available here; the message says what brings it.
        MissingFileError: If ``method`` is neither known nor a folder.
        ConfigError: If weights are given for another method.
    """
    if weights and method != 'raft':
        raise ConfigError(f'weights of a flow network are for raft only, not for {method}')
    if method == 'raft':
        return RaftFlow(weights, device)
    if method == 'dis':
        return _OpenCVFlow('dis', cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM))
    if method == 'tvl1':
        if not has_tvl1():
            raise MissingPackageError(
                'flow by TV-L1 needs the contrib modules of OpenCV (opencv-contrib-python, which '
                'replaces opencv-python); --flow dis and --flow raft do without'
            )
        return _OpenCVFlow('tvl1', cv2.optflow.createOptFlow_DualTVL1())
    return FlowImages(method)


def has_tvl1() -> bool:
    """Whether the installed OpenCV can compute TV-L1 flow."""
    return hasattr(getattr(cv2, 'optflow', None), 'createOptFlow_DualTVL1')
