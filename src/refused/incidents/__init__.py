"""What happened, kept: a store of incidents, and what is made of one afterwards.

``store.py`` keeps, in SQLite or PostgreSQL; everything else here is pure: ``timeline.py`` orders what
happened, ``whys.py`` asks five times why, ``review.py`` writes the blameless review, ``stats.py`` says
where to invest, ``support.py`` packs what a support case needs, ``regression.py`` makes a test of it.
"""
