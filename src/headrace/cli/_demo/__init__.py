"""The demo: a grocery chain's panel data through the retail catalogue, every application a process of its own.

``calendar``, ``data``, ``extract``, ``shops`` give the input; ``planning`` and ``space`` derive from it what the data do not
record; ``applications`` and ``worker`` are the programs; ``supervisor`` runs them; ``checks`` and ``report`` judge and tell.
"""
