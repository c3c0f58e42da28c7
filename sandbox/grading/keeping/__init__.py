"""The process that watches one answer, and all that stands between the answer and the machine.

Standard library only, and nothing of the rest of this project: it must start in some 20 ms, and run within
the Python of the AWS CLI as well as within ours.
"""
