# SPDX-License-Identifier: Apache-2.0
import csv

import pytest

from tmx_plugin.datasets.released_classes import released_classes
from tmx_plugin.structures.epic_constants import NOUNS_WITHOUT_INSTANCE


@pytest.mark.parametrize(
    'name, folder, count', [('thumos14', 'thumos14', 20), ('multithumos', 'multithumos', 65)]
)
def test_order_is_that_of_training(name, folder, count, shared_data):
    lines = (shared_data / folder / 'category_idx.txt').read_text().split()
    assert released_classes(name, count) == tuple(lines) and len(lines) == count


@pytest.mark.parametrize('target, count', [('verb', 97), ('noun', 300), ('noun', 293)])
def test_names_are_the_official_ones_in_order_of_id(target, count, shared_data):
    with open(shared_data / f'epic100/EPIC_100_{target}_classes.csv', encoding='utf-8') as file:
        rows = [(int(row['id']), row['key']) for row in csv.DictReader(file)]
    if count == 293:
        rows = [(number, key) for number, key in rows if number not in NOUNS_WITHOUT_INSTANCE]
    assert released_classes(f'epic_{target}', count) == tuple(key for _, key in sorted(rows))


def test_other_counts_have_no_names():
    assert released_classes('thumos14', 21) == ()
