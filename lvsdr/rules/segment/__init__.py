"""Who speaks on the segment in the name of a VIP, and who should.

`who_answers` judges the answers to one question, `who_speaks` what is heard while watching.
"""
