# SPDX-License-Identifier: Apache-2.0
"""All annotation formats that can be read: a reader is one file and one entry here.

How a file is told to be of the format stands in :mod:`.sniff`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from . import sniff
from .actions_json import read_actions_json
from .activitynet_flat import read_activitynet_flat
from .boris import read_boris
from .charades import read_charades
from .cvat import read_cvat
from .database_json import read_actionformer, read_multithumos, read_opentad
from .ego4d import read_ego4d_mq, read_goalstep
from .elan import read_elan
from .epic import read_epic
from .frames_txt import read_frames_txt
from .label_studio import read_label_studio
from .table import read_csv
from .thumos_txt import read_thumos_txt
from .via import read_via


@dataclass(frozen=True)
class AnnotationFormat:
    """One format.

    Attributes:
        name (str): What the command line calls it.
        read (Callable): ``read(sources, videos=..., on_reversed=..., **options)``, which gives an
            :class:`AnnotationDocument`.
        reason (Callable): ``reason(probe)`` says why a file is of this format, None where it is
            not; see :mod:`.sniff`.
        options (tuple[str]): Further arguments of the reader, which are options of the tool.
    """

    name: str
    read: Callable
    reason: Callable
    options: tuple = ()

    @property
    def splits(self) -> bool:
        """Whether videos may need a subset to be drawn."""
        return 'split' in self.options


_DRAWN = ('classes', 'split')
#: By name, the more specific formats first: the first that fits is taken.
FORMATS = {
    item.name: item
    for item in (
        AnnotationFormat(
            'multithumos', read_multithumos, sniff.multithumos, ('classes', 'subsets')
        ),
        AnnotationFormat(
            'actionformer', read_actionformer, sniff.actionformer, ('classes', 'subsets')
        ),
        AnnotationFormat('opentad', read_opentad, sniff.database, ('classes', 'subsets')),
        AnnotationFormat(
            'actions-json', read_actions_json, sniff.actions_json, (*_DRAWN, 'first_id')
        ),
        AnnotationFormat('activitynet-flat', read_activitynet_flat, sniff.activitynet_flat, _DRAWN),
        AnnotationFormat('ego4d-mq', read_ego4d_mq, sniff.ego4d_mq, _DRAWN),
        AnnotationFormat('goalstep', read_goalstep, sniff.goalstep, _DRAWN),
        AnnotationFormat('boris', read_boris, sniff.boris, _DRAWN),
        AnnotationFormat('via', read_via, sniff.via, (*_DRAWN, 'attribute')),
        AnnotationFormat(
            'label-studio', read_label_studio, sniff.label_studio, (*_DRAWN, 'fps', 'predictions')
        ),
        AnnotationFormat('elan', read_elan, sniff.elan, (*_DRAWN, 'tiers')),
        AnnotationFormat('cvat', read_cvat, sniff.cvat, (*_DRAWN, 'fps')),
        AnnotationFormat('epic', read_epic, sniff.epic, ('verb_classes', 'noun_classes', 'target')),
        AnnotationFormat('charades', read_charades, sniff.charades, (*_DRAWN, 'mapping')),
        AnnotationFormat('csv', read_csv, sniff.csv_table, (*_DRAWN, 'columns', 'times', 'fps')),
        AnnotationFormat('thumos-txt', read_thumos_txt, sniff.thumos_txt, ('classes',)),
        AnnotationFormat(
            'frames-txt',
            read_frames_txt,
            sniff.frames_txt,
            (*_DRAWN, 'fps', 'times', 'background', 'mapping'),
        ),
    )
}
