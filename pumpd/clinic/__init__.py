"""The course of treatment: gates, day, scores, clearances. Its own process, which speaks to beds over the bus."""
