# SPDX-License-Identifier: Apache-2.0
"""Numbers of EPIC-Kitchens-100."""

NUM_VERBS, NUM_NOUNS = 97, 300
# Of the 300 nouns these have no instance in training or validation; the other 293 are classes.
NOUNS_WITHOUT_INSTANCE = frozenset({270, 275, 286, 289, 290, 294, 296})
