"""Speed and memory as ratios of one run: `make bench`.

Nothing here asserts a figure. A shared machine moves absolute figures by a factor of two within minutes, so each figure
stands beside its yardstick, measured in alternation with it in the same run.
"""
