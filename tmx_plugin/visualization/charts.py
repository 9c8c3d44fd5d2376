# SPDX-License-Identifier: Apache-2.0
"""Charts of a report as plotly figures: plain dictionaries of ``data`` and ``layout``.

plotly because its one script goes into the page, so that charts can be zoomed and hovered without a
network, and because figures are plain data that can be checked without a browser. Colours of text
and background are set in the page, where light or dark is known.
"""

from ..evaluation.functional.error_analysis import KINDS

# Okabe and Ito's colours, told apart with any colour vision.
KIND_COLORS = ('#009e73', '#56b4e9', '#d55e00', '#e69f00', '#cc79a7', '#999999')
MAIN, SECOND = '#0072b2', '#e69f00'
CHARACTERISTICS = dict(
    length='length', coverage='share of the video', instances='instances of the class in the video'
)


def report_charts(document: dict) -> dict:
    """Figures of a report by the id of their place in the page.

    Args:
        document (dict): From ``Analysis.document``, with ``comparison`` where there is one.

    Returns:
        dict[str, dict]: plotly figures.
    """
    return dict(
        map=_mean_ap(document),
        profile=_profile(document),
        gains=_gains(document),
        misses=_by_characteristic(document['false_negatives'], 'missed', 'missed (%)'),
        sensitivity=_by_characteristic(
            document['sensitivity'],
            'normalized_mAP',
            'normalised mAP (%)',
            document['sensitivity']['normalized_mAP'],
        ),
        ceilings=_ceilings(document),
        confusion=_confusion(document),
        durations=_durations(document),
        calibration=_calibration(document),
        proposals=_proposals(document),
    )


def _figure(data, x='', y='', **layout) -> dict:
    return dict(
        data=data,
        layout=dict(
            margin=dict(l=60, r=15, t=15, b=50),
            height=layout.pop('height', 320),
            xaxis=dict(title=dict(text=x), automargin=True, **layout.pop('xaxis', {})),
            yaxis=dict(title=dict(text=y), automargin=True, **layout.pop('yaxis', {})),
            **layout,
        ),
    )


def _text(name: str) -> str:
    """A name as plotly shall show it: it reads a little HTML."""
    return name.replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;')


def _mean_ap(document) -> dict:
    tious = list(document['mAP'])
    comparison = document.get('comparison')
    rows = [('this', list(document['mAP'].values()), MAIN)]
    if comparison:
        rows.append(('other', [pair[1] for pair in comparison['mAP'].values()], SECOND))
    return _figure(
        [
            dict(
                type='scatter',
                mode='lines+markers',
                name=name,
                x=tious,
                y=values,
                line=dict(color=color),
            )
            for name, values, color in rows
        ],
        'tIoU',
        'mAP (%)',
        yaxis=dict(rangemode='tozero'),
        xaxis=dict(type='category'),
        showlegend=bool(comparison),
    )


def _profile(document) -> dict:
    profile = document['false_positives']['profile']
    totals = [max(sum(row), 1) for row in profile]
    return _figure(
        [
            dict(
                type='bar',
                name=kind,
                x=[f'{i}G' for i in range(1, len(profile) + 1)],
                y=[100 * row[k] / total for row, total in zip(profile, totals)],
                customdata=[row[k] for row in profile],
                hovertemplate='%{customdata} (%{y:.1f} %)',
                marker=dict(color=KIND_COLORS[k]),
            )
            for k, kind in enumerate(KINDS)
        ],
        'predictions of each class by rank',
        'share (%)',
        barmode='stack',
        yaxis=dict(range=[0, 100]),
    )


def _gains(document) -> dict:
    kinds = document['false_positives']['kinds']
    gains = [kinds[kind]['gain'] for kind in KINDS[1:]]
    return _figure(
        [
            dict(
                type='bar',
                x=list(KINDS[1:]),
                y=gains,
                text=[f'{gain:+.2f}' for gain in gains],
                marker=dict(color=KIND_COLORS[1:]),
            )
        ],
        '',
        'gain of average mAP',
    )


def _by_characteristic(part, key, title, base=None) -> dict:
    data = []
    for (name, label), color in zip(CHARACTERISTICS.items(), ('#0072b2', '#009e73', '#cc79a7')):
        rows = [row for row in part[name] if row['count']]
        data.append(
            dict(
                type='bar',
                name=label,
                marker=dict(color=color),
                x=[[label] * len(rows), [f'{row["bucket"]} ({row["count"]})' for row in rows]],
                y=[100 * row[key] for row in rows],
                text=[f'{100 * row[key]:.1f}' for row in rows],
            )
        )
    shapes = (
        []
        if base is None
        else [
            dict(
                type='line',
                xref='paper',
                x0=0,
                x1=1,
                y0=100 * base,
                y1=100 * base,
                line=dict(dash='dash', width=1.5, color='#888'),
            )
        ]
    )
    return _figure(data, '', title, height=380, showlegend=False, shapes=shapes)


def _ceilings(document) -> dict:
    rows = {
        'as predicted': document['average_mAP'],
        **{f'perfect {name}': value['average_mAP'] for name, value in document['ceilings'].items()},
    }
    return _figure(
        [
            dict(
                type='bar',
                x=list(rows),
                y=list(rows.values()),
                text=[f'{value:.2f}' for value in rows.values()],
                marker=dict(color=[MAIN, *[SECOND] * 3]),
            )
        ],
        '',
        'average mAP (%)',
    )


def _confusion(document) -> dict:
    confusion = document['confusion']
    names = [_text(name) for name in confusion['classes']]
    # Right labels would drown the wrong ones; they are in report.json.
    wrong = [
        [None if i == j else count for j, count in enumerate(row)]
        for i, row in enumerate(confusion['counts'])
    ]
    size = max(320, 60 + 18 * len(names))
    # Each axis by number, so that two names that are shown alike stay two classes.
    ticks = dict(tickmode='array', tickvals=list(range(len(names))), ticktext=names)
    return _figure(
        [
            dict(
                type='heatmap',
                z=wrong,
                text=names,
                colorscale='Blues',
                reversescale=True,
                xgap=1,
                ygap=1,
                hovertemplate='%{y} taken for %{x}: %{z}<extra></extra>',
            )
        ],
        'predicted',
        'true',
        height=size,
        xaxis=dict(ticks, tickangle=-45),
        yaxis=dict(ticks, autorange='reversed'),
    )


def _durations(document) -> dict:
    durations = document['durations']
    ends = [min(durations['true'], default=1), max(durations['true'], default=1)]
    return _figure(
        [
            dict(
                type='scatter',
                mode='markers',
                x=durations['true'],
                y=durations['predicted'],
                name='found',
                marker=dict(size=5, opacity=0.5, color=MAIN),
            ),
            dict(
                type='scatter',
                mode='lines',
                x=ends,
                y=ends,
                name='equal',
                line=dict(dash='dash', color='#888'),
                hoverinfo='skip',
            ),
        ],
        'true length (s)',
        'predicted length (s)',
        xaxis=dict(type='log'),
        yaxis=dict(type='log'),
        showlegend=False,
    )


def _calibration(document) -> dict:
    part = document['calibration']
    rows = [row for row in zip(part['score'], part['precision'], part['count']) if row[2]]
    return _figure(
        [
            dict(
                type='scatter',
                mode='lines',
                x=[0, 1],
                y=[0, 1],
                hoverinfo='skip',
                line=dict(dash='dash', color='#888'),
            ),
            dict(
                type='scatter',
                mode='lines+markers',
                x=[row[0] for row in rows],
                y=[row[1] for row in rows],
                customdata=[row[2] for row in rows],
                hovertemplate='score %{x:.2f}: %{y:.2f} right of %{customdata}<extra></extra>',
                line=dict(color=MAIN),
            ),
        ],
        'score',
        'share that is right',
        showlegend=False,
    )


def _proposals(document) -> dict:
    part = document['average_recall']
    return _figure(
        [
            dict(
                type='scatter',
                mode='lines+markers',
                x=part['proposals'],
                y=[100 * value for value in part['average_recall']],
                line=dict(color=MAIN),
            )
        ],
        'best predictions of each video',
        'average recall (%)',
        xaxis=dict(type='log', tickmode='array', tickvals=part['proposals']),
        yaxis=dict(range=[0, 100]),
    )
