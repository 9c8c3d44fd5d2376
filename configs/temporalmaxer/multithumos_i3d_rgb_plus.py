# multithumos_i3d_rgb.py with what _base_/models/temporal_maxer_plus.py adds.
# Unverified: never trained on MultiTHUMOS.
# The gains on other data sets are in docs/accuracy.md.
_base_ = './multithumos_i3d_rgb.py'

model = dict(head=dict(class_prior=dict(type='ClassPrior')))
