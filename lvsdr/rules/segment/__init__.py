"""Rules about the segment: which hosts claim a VIP, and which of them may.

`who_answers` judges the answers to one question, `claim_monitor` what is heard while watching.
"""
