"""Optional accounts: who has one finds the reports of their machines in one place and lets programs
send for them. Nothing needs one; signing in is django-allauth's.
"""
