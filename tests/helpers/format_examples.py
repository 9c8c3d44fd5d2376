# SPDX-License-Identifier: Apache-2.0
"""A small file of every annotation format, as its tool or data set documents it."""

EAF = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="" DATE="2024-01-01T00:00:00+01:00" FORMAT="3.0" VERSION="3.0">
<HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">
<MEDIA_DESCRIPTOR MEDIA_URL="file:///home/me/films/tea.mp4" MIME_TYPE="video/mp4"/></HEADER>
<TIME_ORDER><TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="500"/>
<TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="2250"/><TIME_SLOT TIME_SLOT_ID="ts3"/></TIME_ORDER>
<TIER LINGUISTIC_TYPE_REF="default-lt" TIER_ID="action"><ANNOTATION>
<ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2">
<ANNOTATION_VALUE>stir &amp; pour</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER>
<TIER LINGUISTIC_TYPE_REF="default-lt" TIER_ID="remark"><ANNOTATION>
<ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts2" TIME_SLOT_REF2="ts3">
<ANNOTATION_VALUE>dark</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER>
</ANNOTATION_DOCUMENT>"""
CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><task><id>1</id><name>tea</name><size>50</size>
<mode>interpolation</mode><start_frame>0</start_frame><stop_frame>49</stop_frame>
<frame_filter></frame_filter><source>tea.mp4</source></task></meta>
<track id="0" label="stir"><box frame="10" outside="0" keyframe="1"/>
<box frame="11" outside="0" keyframe="0"/><box frame="12" outside="1" keyframe="1"/>
<box frame="20" outside="0" keyframe="1"/><box frame="21" outside="0" keyframe="0"/></track>
</annotations>"""
BORIS = {
    'project_format_version': '7.0',
    'behaviors_conf': {
        '0': {'type': 'State event', 'code': 'stir'},
        '1': {'type': 'Point event', 'code': 'hit'},
    },
    'observations': {
        'obs 1': {
            'type': 'MEDIA',
            'file': {'1': ['tea.mp4'], '2': []},
            'media_info': {'length': {'tea.mp4': 30.0}, 'fps': {'tea.mp4': 25.0}},
            'events': [
                [1.0, 'left', 'stir', '', ''],
                [2.0, '', 'hit', '', ''],
                [1.5, 'right', 'stir', '', ''],
                [4.0, 'left', 'stir', '', ''],
                [3.0, 'right', 'stir', '', ''],
            ],
        }
    },
}
VIA = {
    'project': {},
    'config': {},
    'attribute': {
        '1': {'aname': 'action', 'type': 4, 'options': {'0': 'stir', '1': 'pour'}},
        '2': {'aname': 'remark', 'type': 1, 'options': {}},
    },
    'file': {'1': {'fid': '1', 'fname': 'tea.mp4'}},
    'view': {'1': {'fid_list': ['1']}},
    'metadata': {
        '1_a': {'vid': '1', 'flg': 0, 'z': [1.25, 2.5], 'xy': [], 'av': {'1': '1'}},
        '1_b': {'vid': '1', 'flg': 0, 'z': [3], 'xy': [2, 0, 0, 9, 9], 'av': {}},
    },
}
ACTIONS = {
    'v1': {'subset': 'training', 'duration': 9.0, 'actions': [[0, 1.0, 2.0], [1, 1.5, 3.0]]},
    'v2': {'subset': 'testing', 'duration': 8.0, 'actions': []},
}
FLAT = {
    'v_1': {
        'duration_second': 9.0,
        'duration_frame': 270,
        'feature_frame': 260,
        'annotations': [{'segment': [1.0, 2.0], 'label': 'stir'}],
    }
}
EGO4D = {
    'version': '2',
    'videos': [
        {
            'video_uid': 'u',
            'split': 'val',
            'clips': [
                {
                    'clip_uid': 'c',
                    'video_start_sec': 10.0,
                    'video_end_sec': 490.0,
                    'annotations': [
                        {
                            'annotator_uid': 'x',
                            'labels': [
                                {
                                    'start_time': 5.0,
                                    'end_time': 7.0,
                                    'label': 'stir',
                                    'primary': True,
                                },
                                {
                                    'start_time': 5.0,
                                    'end_time': 9.0,
                                    'label': 'odd',
                                    'primary': False,
                                },
                            ],
                        },
                        {
                            'annotator_uid': 'y',
                            'labels': [
                                {
                                    'start_time': 5.0,
                                    'end_time': 7.0,
                                    'label': 'stir',
                                    'primary': True,
                                }
                            ],
                        },
                    ],
                }
            ],
        }
    ],
}
GOALSTEP = {
    'version': 'v1',
    'videos': [
        {
            'video_uid': 'u',
            'goal_category': 'COOKING',
            'segments': [
                {
                    'start_time': 1.0,
                    'end_time': 9.0,
                    'step_category': 'mix',
                    'segments': [
                        {
                            'start_time': 2.0,
                            'end_time': 3.0,
                            'step_category': 'mix: stir',
                            'segments': [],
                        }
                    ],
                }
            ],
        }
    ],
}
CHARADES = 'id,subject,actions,length\nAB1,S1,c001 1.50 2.00;c000 3.00 4.25,30.5\nAB2,S2,,12.0\n'


DATABASE = {
    'version': 'x',
    'database': {
        'v': {
            'subset': 'training',
            'duration': 9.5,
            'fps': 25,
            'frame': 237,
            'annotations': [{'label': 'run', 'segment': [1, 2.5], 'label_id': 0}],
        }
    },
}
TASKS = [
    {
        'data': {'video': 'v.mp4'},
        'annotations': [
            {
                'result': [
                    {
                        'id': 'a',
                        'from_name': 'videoLabels',
                        'to_name': 'video',
                        'type': 'timelinelabels',
                        'value': {'ranges': [{'start': 1, 'end': 25}], 'timelinelabels': ['run']},
                    }
                ]
            }
        ],
    }
]
EPIC = (
    'narration_id,video_id,start_timestamp,stop_timestamp,start_frame,stop_frame,verb_class,'
    'noun_class\nx,v,00:00:01.25,00:00:02.50,31,62,1,0\n'
)

#: By format: name of a file, its content (text, or what json holds) and options of the reader.
#: Of the options, a tuple stands for a file of these lines.
EXAMPLES = {
    'multithumos': ('x.json', {**DATABASE, 'version': 'multithumos'}, {}),
    'actionformer': ('x.json', DATABASE, {}),
    'opentad': ('x.json', DATABASE, {}),
    'actions-json': ('multithumos.json', ACTIONS, dict(classes=('stir', 'pour'))),
    'activitynet-flat': ('anet_anno_train.json', FLAT, {}),
    'ego4d-mq': ('moments_val.json', EGO4D, {}),
    'goalstep': ('goalstep_train.json', GOALSTEP, {}),
    'boris': ('p.boris', BORIS, {}),
    'via': ('via.json', VIA, {}),
    'label-studio': ('x.json', TASKS, dict(fps=25)),
    'elan': ('tea.eaf', EAF, dict(tiers=['action'])),
    'cvat': ('annotations.xml', CVAT, dict(fps=10)),
    'epic': (
        'EPIC_100_validation.csv',
        EPIC,
        dict(
            verb_classes=('id,key', '0,take', '1,put'),
            noun_classes=('id,key', '0,tap'),
            target='action',
        ),
    ),
    'charades': ('Charades_v1_test.csv', CHARADES, {}),
    'csv': ('x.csv', 'video,start,end,label,subset\nv,1,2.5,"run",training\n', {}),
    'thumos-txt': ('Run_val.txt', 'v  1.5 2\nv 3 4.5\n', {}),
    'frames-txt': ('v.txt', 'run\nrun\nwalk\n', dict(fps=15, mapping=('0 run', '1 walk'))),
}
#: Durations of the videos in all of them.
DURATIONS = {'tea': 30, 'u': 60, 'v': 9.5}


def options_in(folder, options: dict) -> dict:
    """Options of an example, with the files that they name written to a folder."""
    written = {}
    for key, value in options.items():
        if isinstance(value, tuple):
            path = folder / f'{key}.{"csv" if "," in value[0] else "txt"}'
            path.write_text('\n'.join(value) + '\n')
            value = path
        written[key] = value
    return written
