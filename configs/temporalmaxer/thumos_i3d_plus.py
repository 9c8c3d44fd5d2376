# thumos_i3d.py with what _base_/models/temporal_maxer_plus.py adds.
# Unverified: never trained on THUMOS-14.
# The gains on other data sets are in docs/accuracy.md.
_base_ = './thumos_i3d.py'

model = dict(head=dict(class_prior=dict(type='ClassPrior')))
