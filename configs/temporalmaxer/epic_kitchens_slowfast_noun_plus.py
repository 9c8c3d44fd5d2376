# epic_kitchens_slowfast_noun.py with what _base_/models/temporal_maxer_plus.py adds.
# Unverified: never trained on EPIC-Kitchens-100.
# The gains on other data sets are in docs/accuracy.md.
_base_ = './epic_kitchens_slowfast_noun.py'

model = dict(head=dict(class_prior=dict(type='ClassPrior')))
