# SPDX-License-Identifier: Apache-2.0
"""Work-arounds for the installed OpenMMLab stack; imported before everything else.

Each function mends one fault of one release and does nothing where that fault is absent,
so :func:`apply` is cheap, may run any number of times, and shrinks as releases mend them.
``custom_imports`` runs inside ``Config.fromfile``, early enough for MMAction2's own tools.
"""

import importlib.metadata
import importlib.util
import pkgutil
import sys
import warnings
from pathlib import Path
from types import ModuleType

from .errors import MissingPackageError

MMCV_HINT = (
    'tmx_plugin needs mmcv or mmcv-lite (the small one suffices: nothing here uses mmcv.ops). '
    'Install exactly one of them: pip install "mmcv-lite==2.1.0"'
)
_DRN_PACKAGE = 'mmaction.models.localizers.drn'


def require_mmcv() -> None:
    """Say in one sentence what to install when there is no usable mmcv.

    What: MMAction2 imports ``mmcv`` but cannot declare it, since ``mmcv`` and ``mmcv-lite``
    overwrite each other; and it refuses mmcv 2.2.0 (MMAction2 1.1.0: 2.1.0) by an assertion.
    Versions: all of MMAction2 1.x.
    Why not a dependency: pip would overwrite the full ``mmcv`` of someone who has it.
    Link: https://mmcv.readthedocs.io/en/latest/get_started/installation.html

    Raises:
        MissingPackageError: If ``mmcv`` or ``mmaction`` is missing, or the two do not fit.
    """
    try:
        import mmcv
    except ImportError as error:
        raise MissingPackageError(f'{MMCV_HINT} ({error})') from error
    try:
        import mmaction  # noqa: F401
    except ImportError as error:
        raise MissingPackageError(
            f'tmx_plugin is a plugin for MMAction2: pip install "mmaction2>=1.1.0,<2" ({error})'
        ) from error
    except AssertionError as error:
        raise MissingPackageError(f'{error} Found mmcv {mmcv.__version__}. {MMCV_HINT}') from error


def provide_importlib_metadata() -> None:
    """Let the standard library stand in for the back-port ``importlib_metadata``.

    What: ``mmaction.utils`` imports ``importlib_metadata``, which MMAction2 does not declare.
    Versions: MMAction2 1.2.0.
    Why: a fresh ``pip install mmaction2`` lacks it; the two names it uses are in Python >= 3.8.
    Link: https://github.com/open-mmlab/mmaction2/blob/v1.2.0/mmaction/utils/dependency.py
    """
    name = 'importlib_metadata'
    if name not in sys.modules and importlib.util.find_spec(name) is None:
        sys.modules[name] = importlib.metadata


def stub_missing_drn() -> None:
    """Put a stand-in where MMAction2's wheel forgot the package ``drn``.

    What: ``mmaction/models/localizers/__init__.py`` imports ``.drn.drn``, but the folder is not
    in the wheel, so ``import mmaction.models`` fails.
    Versions: MMAction2 1.2.0 from PyPI (1.1.0 and a source checkout are whole).
    Why by looking at the files: trying the import half-registers the models, and the next try
    then fails with ``KeyError: already registered``.
    Link: https://github.com/open-mmlab/mmaction2/issues/2714
    """
    if _DRN_PACKAGE in sys.modules or 'mmaction.models' in sys.modules:
        return
    spec = importlib.util.find_spec('mmaction')
    if spec is None or spec.origin is None:
        return
    root = Path(spec.origin).parent / 'models' / 'localizers'
    init = root / '__init__.py'
    if (root / 'drn').is_dir() or not init.is_file() or '.drn' not in init.read_text('utf-8'):
        return
    from mmaction.registry import MODELS

    class DRN:
        """Stand-in for ``mmaction.models.DRN``, which the installed wheel lacks."""

        def __init__(self, *args, **kwargs):
            raise ImportError(
                'DRN is not part of the installed MMAction2 wheel '
                '(https://github.com/open-mmlab/mmaction2/issues/2714); '
                'install MMAction2 from source to use it.'
            )

    package, module = ModuleType(_DRN_PACKAGE), ModuleType(f'{_DRN_PACKAGE}.drn')
    vars(package).update(__path__=[], drn=module)
    vars(module).update(DRN=DRN)
    DRN.__module__ = module.__name__
    MODELS.register_module(name='DRN', module=DRN, force=True)
    sys.modules[package.__name__] = package
    sys.modules[module.__name__] = module


def quiet_mmcv_lite() -> None:
    """Drop the advice to replace ``mmcv-lite``, which would mislead here.

    What: importing ``mmaction.models`` warns that ``mmcv`` should be installed "rather than
    ``mmcv-lite``" for an operator that nothing here uses.
    Versions: mmcv-lite 2.0 and 2.1.
    Why: the full mmcv has no wheels for today's torch; following the advice breaks the set-up.
    Link: https://mmcv.readthedocs.io/en/latest/get_started/installation.html
    """
    warnings.filterwarnings('ignore', message='Fail to import ``MultiScaleDeformableAttention``')


def keep_optimizer_out_of_compilation() -> None:
    """Let ``compile=True`` of a config work: compile the network, not the optimizer.

    What: MMEngine compiles the whole ``train_step``; tracing the optimizer's parameter groups,
    which its constructor makes, ends in an internal error of torch.compile.
    Versions: mmengine 0.10.7 with torch 2.13.
    Why: the optimizer's step is a handful of fused kernels already.
    Link: https://mmengine.readthedocs.io/en/latest/common_usage/speed_up_training.html
    """
    from mmengine.optim import OptimWrapper

    from .utils.compilation import outside_compilation

    if not hasattr(OptimWrapper.update_params, '__wrapped__'):
        OptimWrapper.update_params = outside_compilation(OptimWrapper.update_params)


def provide_is_compiling() -> None:
    """Bring ``torch.compiler.is_compiling`` to versions without it, by its predecessor.

    What: the convolutions ask it, so that compiled code takes one layout.
    Versions: torch < 2.3.
    Why: testing and inference would end in an AttributeError.
    Link: https://docs.pytorch.org/docs/stable/generated/torch.compiler.is_compiling.html
    """
    import torch

    if not hasattr(torch.compiler, 'is_compiling'):
        # imported when it is asked for: it takes a second
        torch.compiler.is_compiling = lambda: (
            'torch._dynamo' in sys.modules and torch._dynamo.is_compiling()
        )


def keep_fused_adamw_from_old_torch() -> None:
    """Let ``fused=True`` of the schedules mean "where there is such a kernel".

    What: the constructor of ``AdamW`` refuses ``fused=True`` for parameters on a CPU.
    Versions: torch < 2.4, which has the fused kernel on CUDA alone.
    Why: the plain update gives the same numbers; the schedules are the same for all versions.
    Link: https://docs.pytorch.org/docs/stable/generated/torch.optim.AdamW.html
    """
    import torch
    from mmengine.registry import OPTIMIZERS
    from mmengine.utils import digit_version

    if digit_version(torch.__version__) >= digit_version('2.4.0'):
        return

    class AdamW(torch.optim.AdamW):
        def __init__(self, params, *args, fused=None, **kwargs):
            groups = list(params)
            tensors = [
                tensor
                for group in groups
                for tensor in (group['params'] if isinstance(group, dict) else [group])
            ]
            on_gpu = all(tensor.is_cuda for tensor in tensors)
            super().__init__(groups, *args, fused=fused if on_gpu else None, **kwargs)

    OPTIMIZERS.register_module(name='AdamW', module=AdamW, force=True)


def restore_find_loader() -> None:
    """Bring back ``pkgutil.find_loader``, by its successor.

    What: the optimizer constructor calls it as soon as ``paramwise_cfg`` is set, which the
    schedules here do, and mmcv calls it to look for its operators.
    Versions: Python >= 3.14 with mmengine 0.10.7 and mmcv 2.1 (onedl-mmengine does without).
    Why: training would end in an AttributeError before the first step.
    Link: https://docs.python.org/3/whatsnew/3.14.html#pkgutil
    """
    if not hasattr(pkgutil, 'find_loader'):
        pkgutil.find_loader = _find_loader


def _find_loader(fullname: str):
    try:
        spec = importlib.util.find_spec(fullname)
    except ModuleNotFoundError:  # of the parent package
        return None
    return spec and spec.loader


def restore_numpy_names() -> None:
    """Bring back ``numpy.in1d`` and ``numpy.trapz``, by their successors.

    What: MMAction2's average recall of ActivityNet and one of its retrieval metrics call them.
    Versions: numpy >= 2.4 with MMAction2 1.1 and 1.2.
    Why: nothing here does, but results are compared with those metrics.
    Link: https://numpy.org/doc/stable/release/2.4.0-notes.html
    """
    import numpy

    if not hasattr(numpy, 'in1d'):
        vars(numpy)['in1d'] = lambda ar1, ar2, **kwargs: numpy.isin(ar1, ar2, **kwargs).ravel()
    if not hasattr(numpy, 'trapz'):
        vars(numpy)['trapz'] = numpy.trapezoid


def provide_distutils() -> None:
    """Put a stand-in where MMEngine imports the one error class of ``distutils`` that it needs.

    What: collecting facts of the environment, at the start of every run, imports
    ``distutils.errors``.
    Versions: Python >= 3.12 without setuptools (which brings its own copy).
    Why a stand-in: the class is only named in an ``except``.
    Link: https://docs.python.org/3/whatsnew/3.12.html#distutils
    """
    if importlib.util.find_spec('distutils') is None:
        package, errors = ModuleType('distutils'), ModuleType('distutils.errors')
        vars(package).update(__path__=[], errors=errors)
        error = type('DistutilsPlatformError', (Exception,), {})
        vars(errors).update(DistutilsPlatformError=error)
        sys.modules[package.__name__] = package
        sys.modules[errors.__name__] = errors


def apply() -> None:
    """Apply every work-around; safe to call again."""
    restore_find_loader()  # before mmcv is imported
    provide_distutils()
    restore_numpy_names()
    require_mmcv()
    provide_importlib_metadata()
    stub_missing_drn()
    quiet_mmcv_lite()
    keep_optimizer_out_of_compilation()
    keep_fused_adamw_from_old_torch()
    provide_is_compiling()


apply()
