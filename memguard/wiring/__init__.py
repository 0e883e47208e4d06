"""Wiring joins the rooms: the guard alone knows them all."""
