"""Notices to the people nearby.

The policy decides in the walk and puts its decision on `Scene.notice`. Every output is a sink that reacts to a change
of it: a notice is shown while its state lasts, and heard in the one scene in which the volume is above 0. No output
waits for a disk or a network, blocks or raises.
"""
